"""A site's export, and its import in two steps: the difference in words first, then the confirmation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.base import PublishingAdmin
from cameras.admin.sentences import problem_text, sentences
from cameras.core.masks import MASK_STAYS, hides_less
from cameras.core.transfer import Plan
from cameras.core.transfer_file import Problems, TransferError
from cameras.models import Site
from cameras.regions import LIFT_MASKS
from cameras.transfer.building import LARGEST, refusal
from cameras.transfer.services import Judge, OutdatedError, Upload, carry_out, export_site, prepare
from cameras.transfer.writing import CONTENT_TYPES, FORMATS
from edgesite.fields import DecryptionError

ROWS = ("camera", "roi", "binding", "schedule")
SHOWN_CHANGES = 500
FORM_ROOM = 64 * 1024  # what else the confirmation's form sends


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"), widget=forms.ClearableFileInput(attrs={"accept": ".yaml,.yml,.json,.csv"})
    )
    delete = forms.BooleanField(label=gettext_lazy("Also delete what the file does not name"), required=False)


def may_export(request: HttpRequest, kind: str) -> bool:
    models = ("camera",) if kind == "csv" else ROWS
    return all(request.user.has_perm(f"cameras.view_{model}") for model in models)


def may_import(request: HttpRequest) -> bool:
    return all(request.user.has_perm(f"cameras.{act}_{model}") for act in ("add", "change") for model in ROWS)


def may_delete(request: HttpRequest) -> bool:
    return all(request.user.has_perm(f"cameras.delete_{model}") for model in ROWS)


def export(request: HttpRequest, site: Site, kind: str) -> HttpResponse:
    """GET: the file, stream URLs masked."""
    if kind not in FORMATS:
        raise Http404
    if not may_export(request, kind):
        raise PermissionDenied
    try:
        text = export_site(site, kind)
    except DecryptionError as error:
        messages.error(request, problem_text(error))
        return HttpResponseRedirect(reverse("admin:cameras_site_change", args=[site.pk]))
    name = f"{'cameras' if kind == 'csv' else 'site'}-{slugify(site.name) or site.pk}.{kind}"
    return HttpResponse(
        text.encode(),
        content_type=f"{CONTENT_TYPES[kind]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _judge(request: HttpRequest) -> Judge:
    """Refuses what the person's role may not do to the site and its devices."""

    def judge(plan: Plan, problems: Problems) -> None:
        user = request.user
        if plan.site_changed and not user.has_perm("cameras.change_site"):
            problems.add(("site",), "your role may not change the site itself")
        if plan.added("devices") and not user.has_perm("cameras.add_device"):
            problems.add(("devices",), "your role may not add devices")
        if plan.changed("devices") and not user.has_perm("cameras.change_device"):
            problems.add(("devices",), "your role may not change devices")
        before, after = (state.rows["rois"] for state in (plan.before, plan.after))
        if not user.has_perm(LIFT_MASKS) and any(_loses_mask(row, after.get(code)) for code, row in before.items()):
            problems.add(("rois",), MASK_STAYS)

    return judge


def _loses_mask(old: dict[str, Any], new: dict[str, Any] | None) -> bool:
    """A mask hides something of its own camera."""
    return hides_less(old, new) or bool(old["mask"] and new and new["camera"] != old["camera"])


def _context(request: HttpRequest, site: Site, **values: Any) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": _("Import into %(site)s") % {"site": site},
        "opts": Site._meta,
        "original": site,
        "site_row": site,
        "may_delete": may_delete(request),
        "largest": LARGEST // 2**20,
        **values,
    }


def _form_page(request: HttpRequest, site: Site, form: UploadForm, error: TransferError | None = None) -> HttpResponse:
    problems = [problem.told(_) for problem in error.problems] if error else []
    more = bool(error and error.more)
    context = _context(request, site, form=form, problems=problems, more=more)
    return render(request, "admin/cameras/site/import.html", context, status=422 if error else 200)


def _plan_page(
    request: HttpRequest, site: Site, upload: Upload, plan: Plan, state: str, *, outdated: bool = False
) -> HttpResponse:
    sealed = upload.sealed(_purpose(request, site))
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if limit is not None and len(sealed) > limit - FORM_ROOM:
        raise refusal(0, "The file is too large to be confirmed here. Use the command import_site on the hub.")
    context = _context(
        request,
        site,
        file_name=upload.name,
        deleting=upload.delete,
        changes=sentences(plan.changes[:SHOWN_CHANGES]),
        more=max(0, len(plan.changes) - SHOWN_CHANGES),
        devices=sorted(plan.devices),
        sealed=sealed,
        state=state,
        outdated=outdated,
    )
    return render(request, "admin/cameras/site/import_plan.html", context, status=409 if outdated else 200)


def _purpose(request: HttpRequest, site: Site) -> str:
    return f"import into site {site.pk} by {request.user.pk}"


def _allowed(request: HttpRequest, *, delete: bool = False) -> None:
    if not may_import(request) or (delete and not may_delete(request)):
        raise PermissionDenied


def import_page(request: HttpRequest, site: Site) -> HttpResponse:
    """GET: asks for a file. POST: what it would do, or everything that is wrong with it. Nothing is changed."""
    _allowed(request)
    if request.method != "POST":
        return _form_page(request, site, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form_page(request, site, form)
    given, delete = form.cleaned_data["file"], form.cleaned_data["delete"]
    _allowed(request, delete=delete)
    try:
        if given.size > LARGEST:
            raise refusal(0, "The file is larger than %(size)s MB.", size=LARGEST // 2**20)
        upload = Upload(given.name, given.read(), delete)
        plan, state = prepare(site=site, upload=upload, judge=_judge(request))
        return _plan_page(request, site, upload, plan, state)
    except TransferError as error:
        return _form_page(request, site, form, error)


def import_confirm(request: HttpRequest, site: Site, model_admin: PublishingAdmin[Site]) -> HttpResponse:
    """POST: does what the page before showed; if that no longer holds, shows what holds now instead."""
    _allowed(request)
    try:
        upload = Upload.opened(request.POST.get("sealed", ""), _purpose(request, site))
        _allowed(request, delete=upload.delete)
        try:
            plan = carry_out(
                site=site,
                upload=upload,
                author=request.user.get_username(),
                publish=lambda devices: model_admin.publish(request, devices),
                expected=request.POST.get("state", ""),
                judge=_judge(request),
            )
        except OutdatedError as outdated:
            return _plan_page(request, site, upload, outdated.plan, outdated.state, outdated=True)
    except TransferError as error:
        return _form_page(request, site, UploadForm(), error)
    told = _("Imported %(file)s. Changes: %(count)s.") % {"file": upload.name, "count": len(plan.changes)}
    if plan.changes:
        model_admin.log_change(request, site, told)
    messages.success(request, told)
    return HttpResponseRedirect(reverse("admin:cameras_site_change", args=[site.pk]))
