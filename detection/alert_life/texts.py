"""What the scripts of the pages say, in the language of the request."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _


def page_texts(me: str) -> dict[str, Any]:
    """me: whose page it is; nobody is told what he did himself."""
    return {
        "me": me,
        "texts": {
            "acknowledged": _("Acknowledged by {who} just now."),
            "resolved": _("Resolved by {who} just now."),
            "assigned": _("Assigned to {who} just now."),
            "escalated": _("Escalated just now: nobody acknowledged it in time."),
            "newer": _("New alerts: {n}. Show them"),
            "failed": _("The server does not answer. What you see may be old; try again."),
            "away": _("The connection is lost. What you see may be old; trying again."),
            "ended": _("You are logged out, or your account may no longer see alerts."),
            "deleted": _("This alert was deleted."),
        },
    }
