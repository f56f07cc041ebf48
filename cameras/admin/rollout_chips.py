"""How a staged publish and its devices are shown: chips, durations, and sentences that name nothing hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cameras.admin.chips import chip
from cameras.core.rollout import Kind, Look, Sentence
from cameras.rollouts.models import DeviceState, Rollout, RolloutDevice, RolloutState
from cameras.rollouts.texts import translated
from cameras.selectors import sites_are_limited, visible_devices

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ROLLOUT_KINDS = {
    RolloutState.CANARIES: "busy",
    RolloutState.SOAKING: "busy",
    RolloutState.ASKING: "warn",
    RolloutState.REST: "busy",
    RolloutState.DONE: "good",
    RolloutState.STOPPED: "bad",
}
URGENT = (Kind.FAILED, Kind.SICK, Kind.AILING, Kind.TRYING, Kind.ABSENT, Kind.WAITING, Kind.HEALTHY, Kind.ASIDE)


def rollout_chip(rollout: Rollout) -> SafeString:
    state = RolloutState(rollout.state)
    return chip(ROLLOUT_KINDS[state], _(str(state.label)))


def device_chip(row: RolloutDevice, look: Look) -> SafeString:
    """Where the device stands, after its newest report."""
    if row.state == DeviceState.ROLLED_BACK:
        return chip("off", _("rolled back"))
    kind, word = {
        Kind.WAITING: ("off", _("waiting") if look.online else _("waiting, offline")),
        Kind.ABSENT: ("off", _("waits for the box")),
        Kind.TRYING: ("busy", _("issued")),
        Kind.HEALTHY: ("good", _("confirmed")),
        Kind.AILING: ("warn", _("unhealthy")),
        Kind.SICK: ("bad", _("unhealthy")),
        Kind.FAILED: ("bad", _("failed")),
        Kind.ASIDE: ("off", _("left out")),
    }[look.kind]
    return chip(kind, word)


def sentence_for(user: User | AnonymousUser, sentence: Sentence) -> str:
    """The sentence, unless it names a device that the person may not see."""
    if sentence.about and sites_are_limited(user):
        seen = visible_devices(user).filter(pk__in=sentence.about).count()
        if seen < len(set(sentence.about)):
            return _("It concerns devices of other sites.")
    return translated(sentence)


def duration(seconds: float) -> str:
    """Such as `45 s`, `4 min 10 s`, `2 h 5 min`."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, _("%(n)s h")), (minutes, _("%(n)s min")), (rest if not hours else 0, _("%(n)s s"))]
    return " ".join(text % {"n": n} for n, text in parts if n) or _("%(n)s s") % {"n": 0}
