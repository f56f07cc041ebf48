"""The page of one staged publish, and its acts: stop, roll back, decide about canaries without an answer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cameras.admin.base import row_page
from cameras.admin.configuration import LONGEST_REASON, PUBLISH
from cameras.admin.rollout_chips import URGENT, device_chip, duration, rollout_chip, sentence_for
from cameras.admin.sentences import problem_text, sentences
from cameras.core.rollout import Kind, Look
from cameras.issued import ConfigVersion
from cameras.models import Device
from cameras.rollouts.models import DeviceState, Rollout, RolloutDevice, RolloutState
from cameras.rollouts.reading import RUNNING, can_go_back, digest_of, looks_at, not_answering, rows_of, shown_looks
from cameras.rollouts.services import OthersMissingError, go_on_without, roll_back_rollout, stop_rollout, wait_on
from cameras.rollouts.texts import loaded, translated
from cameras.selectors import sites_are_limited, visible_devices
from cameras.versions import changes_between, pending_changes
from edgesite.fields import DecryptionError

PER_PAGE = 100
STAGES = (RolloutState.CANARIES, RolloutState.SOAKING, RolloutState.REST, RolloutState.DONE)


def _visible_rows(request: HttpRequest, rollout: Rollout) -> tuple[list[RolloutDevice], int]:
    """The rows of devices that the person may see, and how many more there are."""
    rows = rows_of(rollout)
    if not sites_are_limited(request.user):
        return rows, 0
    seen = set(visible_devices(request.user).values_list("pk", flat=True))
    mine = [row for row in rows if row.device_id in seen]
    return mine, len(rows) - len(mine)


def _told(row: RolloutDevice, look: Look) -> dict[str, Any]:
    ended = row.state not in (DeviceState.ISSUED, DeviceState.CONFIRMED)
    return {
        "row": row,
        "device": row.device,
        "chip": device_chip(row, look),
        "why": translated(loaded(row.reason) if ended else look.why),
        "urgency": URGENT.index(look.kind),
    }


def _stages(rollout: Rollout) -> list[dict[str, Any]]:
    """The way it goes, with where it stands; a stopped one stands nowhere."""
    at = RolloutState.CANARIES if rollout.state == RolloutState.ASKING else rollout.state
    here = STAGES.index(at) if at in STAGES else -1
    return [
        {"label": state.label, "here": n == here, "past": here > n or rollout.state == RolloutState.DONE}
        for n, state in enumerate(STAGES)
    ]


def _waits(request: HttpRequest, rollout: Rollout) -> str:
    """Why it does not go on just now."""
    if rollout.state == RolloutState.SOAKING and rollout.healthy_since:
        seconds = (timezone.now() - rollout.healthy_since).total_seconds()
        values = {"past": duration(min(seconds, rollout.healthy_seconds)), "all": duration(rollout.healthy_seconds)}
        return _("all canaries have been healthy for %(past)s of %(all)s") % values
    return sentence_for(request.user, loaded(rollout.note))


def rollout_page(request: HttpRequest, rollout: Rollout) -> HttpResponse:
    """GET: how far it is and why it waits or stopped. Refreshes itself while something can still change."""
    rows, hidden = _visible_rows(request, rollout)
    looks = shown_looks(rollout, rows, now=timezone.now())
    told = [_told(row, look) for row, look in zip(rows, looks, strict=True)]
    told.sort(key=lambda t: (not t["row"].is_canary, t["urgency"], t["row"].device_id))
    counts = {kind.value: sum(look.kind is kind for look in looks) for kind in Kind}
    running = rollout.state in RUNNING
    more = {
        "chip": rollout_chip(rollout),
        "stages": _stages(rollout),
        "waits": _waits(request, rollout) if running else "",
        "stopped": sentence_for(request.user, loaded(rollout.stop_reason)),
        "healthy": duration(rollout.healthy_seconds),
        "answer": duration(rollout.answer_seconds),
        "page": Paginator(told, PER_PAGE).get_page(request.GET.get("page")),
        "confirmed": counts["healthy"],
        "failed": counts["failed"] + counts["sick"],
        "size": len(rows),
        "hidden": hidden,
        "refresh": running or counts["trying"] > 0,
        "may_decide": rollout.state == RolloutState.ASKING and request.user.has_perm(PUBLISH),
        "may_stop": running and request.user.has_perm(PUBLISH),
        "may_roll_back": request.user.has_perm(PUBLISH) and any(can_go_back(row) for row in rows),
    }
    title = _("Staged publish %(number)s") % {"number": rollout}
    return row_page(request, rollout, "rollout.html", title, **more)


def _to_page(rollout: Rollout) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:cameras_rollout_change", args=[rollout.pk]))


def stop(request: HttpRequest, rollout: Rollout) -> HttpResponse:
    """GET: asks. POST: issues nothing more. Whoever may publish to one of its devices may stop it."""
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
        if stop_rollout(rollout_id=rollout.pk, author=request.user.get_username(), reason=reason):
            messages.success(request, _("Stopped. Nothing more is issued."))
        else:
            messages.info(request, _("It had ended already."))
        return _to_page(rollout)
    if rollout.state not in RUNNING:
        return _to_page(rollout)
    waiting = rollout.devices.filter(state=DeviceState.WAITING).count()
    issued = rollout.devices.filter(version__gt=0).count()
    title = _("Stop staged publish %(number)s?") % {"number": rollout}
    return row_page(request, rollout, "stop.html", title, waiting=waiting, issued=issued)


def decide(request: HttpRequest, rollout: Rollout) -> HttpResponse:
    """GET: says which canaries give no answer. POST: goes on `without` them, if they still are those, or waits on."""
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    if request.method == "POST":
        try:
            _decide(request, rollout)
        except OthersMissingError:
            messages.warning(request, _changed(request, rollout))
            return HttpResponseRedirect(reverse("admin:cameras_rollout_decide", args=[rollout.pk]))
        return _to_page(rollout)
    if rollout.state != RolloutState.ASKING:
        return _to_page(rollout)
    named, missing = _missing(request, rollout)
    title = _("How shall staged publish %(number)s go on?") % {"number": rollout}
    more = {"missing": named, "hidden": len(missing) - len(named), "expected": digest_of(missing)}
    waits, may_go_on = _waits(request, rollout), bool(missing)
    return row_page(request, rollout, "decide.html", title, waits=waits, may_go_on=may_go_on, **more)


def _decide(request: HttpRequest, rollout: Rollout) -> None:
    """Raises OthersMissingError."""
    author = request.user.get_username()
    if request.POST.get("how") == "without":
        done = go_on_without(rollout_id=rollout.pk, author=author, expected=request.POST.get("expected", ""))
        said = _("It goes on without the canaries that gave no answer.")
    else:
        done = wait_on(rollout_id=rollout.pk, author=author)
        said = _("It waits for the canaries as long again.")
    if done:
        messages.success(request, said)
    else:
        text = _("Nothing was done: it does not wait for a decision any more, or no canary would be left.")
        messages.info(request, text)


def _missing(request: HttpRequest, rollout: Rollout) -> tuple[list[str], set[str]]:
    """The canaries that give no answer: those that the person may see, and all."""
    missing = {x.part.device_id for x in not_answering(looks_at(rows_of(rollout), now=timezone.now()))}
    rows, _hidden = _visible_rows(request, rollout)
    return sorted(row.device_id for row in rows if row.device_id in missing), missing


def _changed(request: HttpRequest, rollout: Rollout) -> str:
    """Why it does not go on without those that the page named: what became of them since, as far as the person may see it."""
    before, now = set(request.POST.getlist("missing")), set(_missing(request, rollout)[0])
    mine = {row.device_id for row in _visible_rows(request, rollout)[0]}
    told = []
    if back := sorted(before & mine - now):
        told.append(_("Not waited for any more: %(devices)s.") % {"devices": ", ".join(back)})
    if new := sorted(now - before):
        told.append(_("Without an answer now: %(devices)s.") % {"devices": ", ".join(new)})
    if not told:
        told.append(_("It is other devices now that give no answer, of sites that are not yours."))
    return " ".join([_("Nothing was done, because this changed while you were looking at the page:"), *told])


def roll_back(request: HttpRequest, rollout: Rollout) -> HttpResponse:
    """GET: asks, with what each device loses in words. POST: does it for the devices that the person may see."""
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    rows, hidden = _visible_rows(request, rollout)
    if request.method == "POST":
        return _do_roll_back(request, rollout, {row.device_id for row in rows})
    back = [_goes_back(row) for row in rows if can_go_back(row)]
    stays = [row for row in rows if row.version and not can_go_back(row)]
    running = rollout.state in RUNNING
    title = _("Roll back what staged publish %(number)s published?") % {"number": rollout}
    return row_page(request, rollout, "roll_back.html", title, back=back, stays=stays, hidden=hidden, running=running)


def _goes_back(row: RolloutDevice) -> dict[str, Any]:
    device: Device = row.device
    versions = ConfigVersion.objects.filter(device=device, epoch=row.epoch)
    try:
        now, before = versions.get(version=row.version), versions.filter(version=row.previous_version).first()
        changes = sentences(changes_between(now, before)) if before else []
        lost = sentences(pending_changes(device))
    except DecryptionError as error:
        changes, lost = [{"sign": "▲", "text": problem_text(error)}], []
    return {"row": row, "device": device, "changes": changes, "lost": lost}


def _do_roll_back(request: HttpRequest, rollout: Rollout, device_ids: set[str]) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
    results = roll_back_rollout(
        rollout_id=rollout.pk, author=request.user.get_username(), reason=reason, device_ids=device_ids
    )
    done = [device for device, result in results.items() if isinstance(result, ConfigVersion)]
    if done:
        messages.success(request, _("Rolled back: %(devices)s.") % {"devices": ", ".join(sorted(done))})
    for device, result in results.items():
        if not isinstance(result, ConfigVersion):
            messages.warning(request, f"{device}: {translated(result)}")
    if not results:
        messages.info(request, _("There was nothing to roll back."))
    return _to_page(rollout)
