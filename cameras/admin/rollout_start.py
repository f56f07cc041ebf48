"""Starting a staged publish: what each chosen device would get, in words, and how carefully to go about it."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.configuration import PUBLISH
from cameras.admin.sentences import sentences
from cameras.rollouts.models import ANSWER_SECONDS, ERROR_THRESHOLD, HEALTHY_SECONDS, WAVE_SIZE, Rollout
from cameras.rollouts.services import LONGEST_HEALTHY_SECONDS, Draft, RolloutError, draft_of, start_rollout
from cameras.rollouts.texts import translated
from cameras.selectors import visible_devices


class StartForm(forms.Form):
    healthy_seconds = forms.IntegerField(
        label=gettext_lazy("Healthy time in seconds"), initial=HEALTHY_SECONDS, min_value=0,
        max_value=LONGEST_HEALTHY_SECONDS,
        help_text=gettext_lazy("All canaries must stay healthy that long before the rest follows."),
    )  # fmt: skip
    answer_seconds = forms.IntegerField(
        label=gettext_lazy("Answer time in seconds"), initial=ANSWER_SECONDS, min_value=1,
        max_value=LONGEST_HEALTHY_SECONDS,
        help_text=gettext_lazy("When a canary gives no answer for that long, you are asked what to do."),
    )  # fmt: skip
    error_threshold = forms.IntegerField(
        label=gettext_lazy("Stop at this many failed devices"), initial=ERROR_THRESHOLD, min_value=1,
        help_text=gettext_lazy("Devices that refused it, went back or became unhealthy."),
    )  # fmt: skip
    wave_size = forms.IntegerField(
        label=gettext_lazy("Wave size"), initial=WAVE_SIZE, min_value=1,
        help_text=gettext_lazy("At most this many of the rest are under way at once."),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), required=False, max_length=500,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=gettext_lazy("For the history, such as: longer dwell at every gate."),
    )  # fmt: skip


def _page(
    request: HttpRequest, drafts: list[Draft], *, form: StartForm, canaries: set[str], problems: list[str]
) -> HttpResponse:
    rows = [
        {
            "device": draft.device,
            "canary": draft.device.pk in canaries,
            "changes": sentences(list(draft.changes)),
        }
        for draft in drafts
        if draft.sha256
    ]
    context = {
        **admin.site.each_context(request),
        "title": _("Publish in stages"),
        "opts": Rollout._meta,
        "form": form,
        "rows": rows,
        "left_out": [translated(draft.problem) for draft in drafts if not draft.sha256],
        "plan": json.dumps({draft.device.pk: draft.sha256 for draft in drafts if draft.sha256}),
        "problems": problems,
    }
    return render(request, "admin/cameras/rollout/start.html", context)


def ask(request: HttpRequest, device_ids: set[str]) -> HttpResponse:
    """The page for these devices. What cannot take part is named with its reason."""
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    return _page(request, _drafts(request, device_ids), form=StartForm(), canaries=set(), problems=[])


def _drafts(request: HttpRequest, device_ids: set[str]) -> list[Draft]:
    devices = visible_devices(request.user).filter(pk__in=device_ids).select_related("site")
    return [draft_of(device) for device in devices]


def _posted_plan(request: HttpRequest) -> dict[str, str]:
    try:
        plan: Any = json.loads(request.POST.get("plan", ""))
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in plan.items()} if isinstance(plan, dict) else {}


def start(request: HttpRequest) -> HttpResponse:
    """POST: begins it, or shows the page again with everything that is in the way."""
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    plan = _posted_plan(request)
    canaries = set(request.POST.getlist("canary"))
    form, problems = StartForm(request.POST), []
    seen = set(visible_devices(request.user).filter(pk__in=plan).values_list("pk", flat=True))
    if form.is_valid():
        try:
            rollout = start_rollout(
                device_ids=sorted(seen),
                canary_ids=canaries,
                author=request.user.get_username(),
                expected=plan,
                **form.cleaned_data,
            )
        except RolloutError as error:
            problems = [translated(problem) for problem in error.problems]
        else:
            messages.success(request, _("The staged publish began with its canaries."))
            return HttpResponseRedirect(reverse("admin:cameras_rollout_change", args=[rollout.pk]))
    return _page(request, _drafts(request, seen), form=form, canaries=canaries, problems=problems)
