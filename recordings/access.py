"""Who may see a stored object. What refers to objects registers here, since it lies in apps above this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    Person = User | AnonymousUser
    Rule = Callable[[Person, str], bool]
    Note = Callable[[Person, str], None]

_rules: dict[str, Rule] = {}
_notes: dict[str, Note] = {}


def register(prefix: str, rule: Rule, *, note: Note | None = None) -> None:
    """The rule decides about keys that begin with `prefix/`. note: is told who is given which of them."""
    _rules[prefix] = rule
    if note is not None:
        _notes[prefix] = note


def note_given(user: Person, key: str) -> None:
    """Before an object is given to somebody. What the folder's note raises keeps it from being given."""
    note = _notes.get(key.partition("/")[0])
    if note is not None:
        note(user, key)


def may_see(user: Person, key: str) -> bool:
    """True when the rule of the key's folder says so; what no rule covers nobody sees."""
    rule = _rules.get(key.partition("/")[0])
    return rule is not None and rule(user, key)


def is_own_folder(key: str) -> bool:
    """Whether the key lies where the product keeps its own objects: nobody else gives names there."""
    return key.partition("/")[0] in _rules
