"""Who may see a stored object. What refers to objects registers here, since it lies in apps above this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    Person = User | AnonymousUser
    Rule = Callable[[Person, str], bool]

_rules: dict[str, Rule] = {}


def register(prefix: str, rule: Rule) -> None:
    """The rule decides about keys that begin with `prefix/`."""
    _rules[prefix] = rule


def may_see(user: Person, key: str) -> bool:
    """True when the rule of the key's folder says so; what no rule covers nobody sees."""
    rule = _rules.get(key.partition("/")[0])
    return rule is not None and rule(user, key)


def is_own_folder(key: str) -> bool:
    """Whether the key lies where the product keeps its own objects: nobody else gives names there."""
    return key.partition("/")[0] in _rules
