"""Lists of alerts that a person saved to come back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from detection.alert_life.errors import InvalidInputError
from detection.alert_life.models import LONGEST_QUERY, SavedAlertFilter

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

MOST_FILTERS = 30
LONGEST_NAME = 60


def saved_filters(user: User | AnonymousUser) -> QuerySet[SavedAlertFilter]:
    """The person's own, by name."""
    return SavedAlertFilter.objects.filter(user_id=user.pk or 0)


def save_filter(*, user: User, name: str, query: str) -> SavedAlertFilter:
    """Keeps a list's query under a name, in place of one of that name. Raises InvalidInputError."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidInputError(gettext_noop("A filter's name has 1 to %(most)s characters."), most=LONGEST_NAME)
    if len(query) > LONGEST_QUERY or not query.isprintable():
        raise InvalidInputError(gettext_noop("This filter is too long to be saved."))
    others = saved_filters(user).exclude(name=name)
    if others.count() >= MOST_FILTERS:
        raise InvalidInputError(gettext_noop("%(most)s filters are saved; remove one first."), most=MOST_FILTERS)
    saved, _ = SavedAlertFilter.objects.update_or_create(user=user, name=name, defaults={"query": query})
    return saved


def remove_filter(*, user: User, pk: int) -> bool:
    """Whether there was one of this person's."""
    return bool(saved_filters(user).filter(pk=pk).delete()[0])
