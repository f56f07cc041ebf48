"""The sentences of `cameras.core.difference`, named here for translation: what is pure knows no gettext."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.utils.translation import gettext, gettext_noop

from cameras.core.algorithms import registry
from cameras.core.compiler import compile_content
from cameras.core.difference import Change
from cameras.core.reasons import worded
from cameras.core.strict_json import DocumentError
from cameras.core.subject import check_rows
from cameras.models import Device
from cameras.restoring import VersionError
from cameras.rollouts.texts import translated
from cameras.selectors import device_rows
from edgesite.fields import DecryptionError

PLACE = re.compile(r"^(?:cameras|rois|binds|schedules)\[\d+\][\w.\[\]]*: ")
SENTENCES = (
    gettext_noop("Site: %(key)s %(old)s → %(new)s"),
    gettext_noop("Camera %(name)s added"),
    gettext_noop("Camera %(name)s removed"),
    gettext_noop("Camera %(name)s enabled"),
    gettext_noop("Camera %(name)s disabled"),
    gettext_noop("Camera %(name)s: stream URL changed"),
    gettext_noop("Camera %(name)s: sub-stream changed"),
    gettext_noop("Camera %(name)s: %(key)s %(old)s → %(new)s"),
    gettext_noop("ROI %(name)s added"),
    gettext_noop("ROI %(name)s removed"),
    gettext_noop("ROI %(name)s enabled"),
    gettext_noop("ROI %(name)s disabled"),
    gettext_noop("ROI %(name)s: %(key)s %(old)s → %(new)s"),
    gettext_noop("ROI %(name)s: reshaped, %(old)s → %(new)s points"),
    gettext_noop("ROI %(name)s: moved by %(right)+.1f %% of the width, %(down)+.1f %% of the height"),
    gettext_noop("ROI %(name)s: %(moved)s of %(count)s points moved"),
    gettext_noop("Binding %(name)s added"),
    gettext_noop("Binding %(name)s removed"),
    gettext_noop("Binding %(name)s enabled"),
    gettext_noop("Binding %(name)s disabled"),
    gettext_noop("Binding %(name)s: %(key)s %(old)s → %(new)s"),
    gettext_noop("Binding %(name)s: parameter %(key)s %(old)s → %(new)s"),
    gettext_noop("Schedule %(name)s added"),
    gettext_noop("Schedule %(name)s removed"),
    gettext_noop("Schedule %(name)s: %(key)s %(old)s → %(new)s"),
    gettext_noop("Schedule %(name)s: %(old)s → %(new)s"),
    gettext_noop("Schedule %(name)s: holiday %(date)s %(new)s added"),
    gettext_noop("Schedule %(name)s: holiday %(date)s %(old)s removed"),
    gettext_noop("Schedule %(name)s: holiday %(date)s %(old)s → %(new)s"),
)

# Its words: fields as their pages call them, values that are none, choices.
WORDS = (
    gettext_noop("name"),
    gettext_noop("time zone"),
    gettext_noop("location"),
    gettext_noop("analyse"),
    gettext_noop("analyses per second"),
    gettext_noop("camera"),
    gettext_noop("ROI"),
    gettext_noop("shape"),
    gettext_noop("priority"),
    gettext_noop("algorithm"),
    gettext_noop("severity"),
    gettext_noop("schedule"),
    gettext_noop("publish on save"),
    gettext_noop("device"),
    gettext_noop("colour"),
    gettext_noop("privacy mask"),
    gettext_noop("recorded all the time"),
    gettext_noop("recording schedule"),
    gettext_noop("seconds before an alert"),
    gettext_noop("seconds after an alert"),
    gettext_noop("sound"),
    gettext_noop("days kept"),
    gettext_noop("gigabytes kept"),
    gettext_noop("days guaranteed"),
    gettext_noop("minutes between snapshots"),
    gettext_noop("snapshot schedule"),
    gettext_noop("days snapshots are kept"),
    gettext_noop("empty"),
    gettext_noop("default"),
    gettext_noop("yes"),
    gettext_noop("no"),
    gettext_noop("polygon"),
    gettext_noop("rectangle"),
    gettext_noop("line"),
    gettext_noop("info"),
    gettext_noop("warning"),
    gettext_noop("critical"),
)


def sentences(changes: Iterable[Change]) -> list[dict[str, str]]:
    """Translated sentences with their signs, for a template."""
    return [{"sign": c.sign, "text": worded(c.template, c.values, gettext)} for c in changes]


def problem_text(problem: Exception | str) -> str:
    """Why something could not be done, in the reader's language where it has a translation."""
    if isinstance(problem, VersionError):
        return translated(problem.sentence)
    if isinstance(problem, DocumentError):
        return problem.told(gettext)
    return gettext(str(problem)) if str(problem) else ""


def noted_text(device: Device) -> str:
    """Why the device's rows were not published, without the place in the document: that is told on the device's own page."""
    return problem_text(PLACE.sub("", device.publish_error))


def present_problem(device: Device) -> str:
    """The same in full, about the rows as they stand."""
    if not device.publish_error:
        return ""
    try:
        check_rows(compile_content(device_rows(device)), registry)
    except (DocumentError, DecryptionError) as error:
        return problem_text(error)
    return noted_text(device)
