"""Cloning a camera from its page or the list, and enabling or disabling many at once."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cameras.admin.base import PublishingAdmin
from cameras.camera_forms import HELPER_FIELDS, CloneForm
from cameras.cloning import clone_camera, set_enabled_of_all
from cameras.models import Camera

CLONE = ("cameras.add_camera", "cameras.add_roi", "cameras.add_binding")


class CloneAndSwitch(PublishingAdmin[Camera]):
    """Whoever may add cameras, ROIs and bindings may clone; whoever may change cameras may switch them."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [path("<str:pk>/clone/", view(self.clone_page), name="cameras_camera_clone"), *super().get_urls()]

    def has_clone_permission(self, request: HttpRequest) -> bool:
        return all(request.user.has_perm(permission) for permission in CLONE)

    def clone_page(self, request: HttpRequest, pk: str) -> HttpResponse:
        """GET: asks what the clone has of its own. POST: makes it and goes to its page."""
        original = self.get_queryset(request).filter(pk=pk).first()
        if original is None or not self.has_view_permission(request, original):
            raise Http404
        if not self.has_clone_permission(request):
            raise PermissionDenied
        form = CloneForm(original, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid() and (clone := self._cloned(request, original, form)):
            return HttpResponseRedirect(reverse("admin:cameras_camera_change", args=[quote(clone.pk)]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Clone %(camera)s") % {"camera": original},
            "opts": self.opts,
            "original": original,
            "form": form,
            "helper": [form[name] for name in HELPER_FIELDS],
            "typed": [form[name] for name in form.fields if name not in HELPER_FIELDS],
            "rois": original.rois.count(),
        }
        return render(request, "admin/cameras/camera/clone.html", context, status=422 if form.errors else 200)

    def _cloned(self, request: HttpRequest, original: Camera, form: CloneForm) -> Camera | None:
        """The clone, or None with the reasons in the form."""
        given = form.cleaned_data
        try:
            clone, published = clone_camera(
                camera_id=original.pk,
                new_id=given["camera_id"],
                name=given["name"],
                rtsp_url=given["rtsp_url"],
                sub_url=given["sub_url"],
                author=request.user.get_username(),
            )
        except ValidationError as error:
            for field, problems in error.message_dict.items():
                form.add_error(field if field in form.fields else None, problems)
            return None
        self.log_addition(request, clone, [{"added": {}}])
        messages.success(request, _("%(camera)s was made like %(original)s.") % {"camera": clone, "original": original})
        self.tell(request, published)
        return clone

    @admin.action(description=gettext_lazy("Clone camera…"), permissions=["clone"])
    def clone_chosen(self, request: HttpRequest, cameras: QuerySet[Camera]) -> HttpResponse | None:
        chosen = list(cameras.values_list("pk", flat=True)[:2])
        if len(chosen) != 1:
            messages.warning(request, _("Choose one camera to clone."))
            return None
        return HttpResponseRedirect(reverse("admin:cameras_camera_clone", args=chosen))

    @admin.action(description=gettext_lazy("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, cameras: QuerySet[Camera]) -> None:
        self._switch(request, cameras, enabled=True)

    @admin.action(description=gettext_lazy("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, cameras: QuerySet[Camera]) -> None:
        self._switch(request, cameras, enabled=False)

    def _switch(self, request: HttpRequest, cameras: QuerySet[Camera], *, enabled: bool) -> None:
        pks = list(cameras.values_list("pk", flat=True))
        count, published = set_enabled_of_all(camera_ids=pks, enabled=enabled, author=request.user.get_username())
        if not count:
            messages.info(request, _("They were enabled already.") if enabled else _("They were disabled already."))
            return
        if enabled:
            text = ngettext("%(count)s camera was enabled.", "%(count)s cameras were enabled.", count)
        else:
            text = ngettext("%(count)s camera was disabled.", "%(count)s cameras were disabled.", count)
        messages.success(request, text % {"count": count})
        self.tell(request, published)
