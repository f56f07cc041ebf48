"""Why something cannot be done with an alert, in words for people and for machines."""

from __future__ import annotations

from datetime import UTC

from django.utils.translation import gettext, gettext_noop

from detection.models import Alert, AlertState


class AlertLifeError(Exception):
    """text: English, with named places; `str` is what the API answers, `sentence()` what a page says."""

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text % values)
        self.text, self.values = text, values

    def sentence(self) -> str:
        """In the reader's language."""
        return gettext(self.text) % self.values


class UnknownAlertError(AlertLifeError):
    """There is no such alert, or it is not this person's to see: nobody learns which."""

    def __init__(self) -> None:
        super().__init__(gettext_noop("There is no such alert."))


class NotAllowedError(AlertLifeError):
    """The role may look and not act."""

    def __init__(self) -> None:
        super().__init__(gettext_noop("Your role does not allow this."))


class InvalidInputError(AlertLifeError):
    """What was given cannot be kept."""


class ConflictError(AlertLifeError):
    """The alert stands otherwise than the step needs; usually because somebody else was faster."""


def conflict(alert: Alert, *, resolving: bool = False) -> ConflictError:
    """Why the step does not fit the alert's state: who did what, and when."""
    if alert.state == AlertState.OPEN:
        return ConflictError(gettext_noop("The alert is open: acknowledge it before you resolve it."))
    if alert.state == AlertState.ACKNOWLEDGED and resolving:  # it was another state a moment ago
        return ConflictError(gettext_noop("The alert changed just now. Look at it again."))
    done = alert.state == AlertState.RESOLVED
    who, at = (alert.resolved_by, alert.resolved_at) if done else (alert.acknowledged_by, alert.acknowledged_at)
    if at is None or not who:
        return ConflictError(
            gettext_noop("The alert is resolved already.")
            if done
            else gettext_noop("The alert is acknowledged already.")
        )
    text = (
        gettext_noop("The alert was resolved by %(who)s at %(at)s.")
        if done
        else gettext_noop("The alert was acknowledged by %(who)s at %(at)s.")
    )
    return ConflictError(text, who=who, at=f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
