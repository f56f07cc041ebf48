"""Sentences as they are stored, and in the reader's language."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext, gettext_noop

from cameras.core.rollout import Sentence

# Those of `cameras.core.rollout` (what is pure knows no gettext) and of this package, named here for translation.
SENTENCES = (
    gettext_noop("was edited after the staged publish began"),
    gettext_noop("the staged publish stopped before its turn"),
    gettext_noop("stopped by %(person)s"),
    gettext_noop("stopped by %(person)s: %(reason)s"),
    gettext_noop("choose at least one device"),
    gettext_noop("choose at least one canary"),
    gettext_noop("%(device)s is not known"),
    gettext_noop("%(device)s is a canary but not part of the publish"),
    gettext_noop("the healthy time must be from 0 to %(most)s seconds"),
    gettext_noop("the answer time must be from 1 to %(most)s seconds"),
    gettext_noop("gave no answer; %(person)s went on without it"),
    gettext_noop("the error threshold must be 1 or more"),
    gettext_noop("the wave size must be 1 or more"),
    gettext_noop("%(device)s publishes every saved change at once: turn off publish on save first"),
    gettext_noop("%(device)s is part of staged publish %(rollout)s, which is still running"),
    gettext_noop("%(device)s has nothing to publish"),
    gettext_noop("%(device)s was edited while you were looking at its changes"),
    gettext_noop("%(device)s cannot be published: %(problem)s"),
    gettext_noop("version %(version)s brings back %(before)s"),
    gettext_noop("has a newer version, so it stays as it is"),
    gettext_noop("had nothing before, so there is nothing to go back to"),
    gettext_noop("a new epoch began meanwhile"),
    gettext_noop("somebody rolled it back"),
    gettext_noop("version %(version)s was published meanwhile"),
    gettext_noop("refused: %(reason)s"),
    gettext_noop("reverted: %(reason)s"),
    gettext_noop("the box fell silent"),
    gettext_noop("waits for the box"),
    gettext_noop("waits for a report"),
    gettext_noop("it runs version %(version)s"),
    gettext_noop("has not confirmed yet"),
    gettext_noop("camera %(cameras)s was live before and is not now"),
    gettext_noop("no canary is left to judge by"),
    gettext_noop("%(device)s: %(why)s"),
    gettext_noop("%(count)s devices failed: %(devices)s"),
    gettext_noop("waits for %(devices)s to recover"),
    gettext_noop("waits for %(devices)s to come online"),
    gettext_noop("waits for %(devices)s to confirm"),
)


def stored(sentence: Sentence) -> dict[str, Any]:
    """For a JSON column; empty for the empty sentence."""
    if not sentence.template:
        return {}
    values = {k: stored(v) if isinstance(v, Sentence) else v for k, v in sentence.values.items()}
    return {"template": sentence.template, "values": values, "about": list(sentence.about)}


def loaded(value: dict[str, Any]) -> Sentence:
    """What `stored` made."""
    values = {k: loaded(v) if isinstance(v, dict) else v for k, v in value.get("values", {}).items()}
    return Sentence(value.get("template", ""), values, tuple(value.get("about", ())))


def translated(sentence: Sentence) -> str:
    """The sentence in the language of the moment."""
    if not sentence.template:
        return ""
    values = {k: translated(v) if isinstance(v, Sentence) else v for k, v in sentence.values.items()}
    return gettext(sentence.template) % values
