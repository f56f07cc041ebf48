"""What of sites, devices, cameras and publishes needs attention, as tiles of the admin's first page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cameras.admin.chips import chip
from cameras.admin.list_filters import CAMERA_WORDS, SYNC_WORDS, fleet_for
from cameras.fleet import Fleet
from cameras.rollouts.models import Rollout, RolloutDevice, RolloutState
from cameras.rollouts.reading import RUNNING
from cameras.selectors import sites_are_limited, visible_sites

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SEE_PUBLISHES = "cameras.view_configversion"
# The most urgent first, as the words stand: what somebody has to look into, what is only away, what is under way.
SYNC_KINDS = {"offline": "warn", "never": "warn", "pending": "busy"}


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that answers “what is wrong”.

    kind: of its chip. url: the list of what was counted; where that is nothing, the whole list.
    """

    key: str
    label: str
    count: int
    chip: SafeString
    kind: str
    url: str


def tile(key: str, label: str, count: int, kind: str, text: str, place: str, query: str = "") -> Tile:
    """place: a list in the admin. query: what narrows it to what was counted."""
    url = reverse(f"admin:{place}_changelist")
    return Tile(key, label, count, chip(kind, text), kind, f"{url}?{query}" if count and query else url)


def tiles(request: HttpRequest) -> Iterator[Tile]:
    """What the person's role and sites let them see."""
    fleet, user = fleet_for(request), request.user
    if user.has_perm("cameras.view_site"):
        yield _sites(fleet, visible_sites(user).count())
    if user.has_perm("cameras.view_device"):
        yield _devices(fleet)
    if user.has_perm("cameras.view_camera"):
        yield _cameras(fleet)
    if user.has_perm("cameras.view_device"):
        yield _disk(fleet)
        yield _pending(fleet)
    if user.has_perm(SEE_PUBLISHES):
        yield _publishes(running_rollouts(user))


def counted(words: Mapping[str, Any], states: Iterable[str]) -> str:
    """Such as “1 refused, 2 offline”, in the order of the words."""
    counts = Counter(states)
    known = [f"{counts[word]} {label}" for word, label in words.items() if counts[word]]
    return ", ".join(known)


def _sites(fleet: Fleet, count: int) -> Tile:
    troubled = len(fleet.troubled_sites())
    text = _("%(count)s need attention") % {"count": troubled} if troubled else _("nothing is wrong")
    kind = "warn" if troubled else "good" if count else "off"
    query = "attention=needed" if troubled else ""
    return tile("sites", _("Sites"), count, kind, text if count else _("none yet"), "cameras_site", query)


def _devices(fleet: Fleet) -> Tile:
    out = fleet.out_of_sync()
    states = [fleet.sync[d] for d in out]
    if out:
        kinds = {SYNC_KINDS.get(state, "bad") for state in states}
        kind = "bad" if "bad" in kinds else "warn" if "warn" in kinds else "busy"
        text = counted(SYNC_WORDS, states)
    else:
        kind, text = _all(len(fleet.devices), _("all %(total)s in sync"))
    return tile("devices", _("Devices out of sync"), len(out), kind, text, "cameras_device", "sync=out")


def _cameras(fleet: Fleet) -> Tile:
    down = fleet.down()
    if down:
        states = [fleet.cameras[c] for c in down]
        kind, text = "bad" if "lost" in states else "warn", counted(CAMERA_WORDS, states)
    else:
        kind, text = _all(len(fleet.cameras), _("none of %(total)s is down"))
    return tile("cameras", _("Cameras down"), len(down), kind, text, "cameras_camera", "state=down")


def _all(total: int, text: str) -> tuple[str, str]:
    return ("good", text % {"total": total}) if total else ("off", _("none yet"))


def _disk(fleet: Fleet) -> Tile:
    free, low = fleet.disk_free(), fleet.short_of_disk()
    kind, text = "off", _("nothing reported yet")
    if free:
        device, least = next(iter(free.items()))
        kind = "bad" if low else "good"
        text = _("least: %(size)s GB free on %(device)s") % {
            "size": number_format(least / 10**9, 1),
            "device": fleet.devices[device],
        }
    if risky := fleet.recordings_at_risk():
        kind, text = "bad", _("recordings are at risk on %(device)s") % {"device": fleet.devices[risky[0]]}
    return tile("disk", _("Devices short of disk"), len(low), kind, text, "cameras_device", "disk=low")


def _pending(fleet: Fleet) -> Tile:
    waiting = fleet.pending()
    kind, text = ("busy", _("on the way to the box")) if waiting else ("good", _("none waits"))
    return tile("pending", _("Versions pending"), len(waiting), kind, text, "cameras_device", "sync=pending")


def _publishes(running: QuerySet[Rollout]) -> Tile:
    states = list(running.values_list("state", flat=True))
    count, asking = len(states), states.count(RolloutState.ASKING)
    kind, text = ("busy", _("running")) if count else ("off", _("none runs"))
    if asking:
        kind, text = (
            "warn",
            ngettext("%(count)s waits for a decision", "%(count)s wait for a decision", asking) % {"count": asking},
        )
    return tile("publishes", _("Staged publishes"), count, kind, text, "cameras_rollout", "running=yes")


def running_rollouts(user: User | AnonymousUser) -> QuerySet[Rollout]:
    """Staged publishes under way that concern a device of the person's sites."""
    rows = Rollout.objects.filter(state__in=RUNNING)
    if sites_are_limited(user):
        mine = RolloutDevice.objects.filter(device__site__in=visible_sites(user))
        rows = rows.filter(pk__in=mine.values("rollout"))
    return rows
