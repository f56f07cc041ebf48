from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from django.views.i18n import set_language

from detection.alert_life.admin import permanent
from detection.views import live, still
from edgesite.api import api
from edgesite.health import healthz, readyz
from edgesite.metrics import metrics
from edgesite.views import SiteLogin


@csrf_exempt  # it does nothing, and a machine's mistyped POST must be told so, not asked for a cookie
def unknown_call(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"detail": "There is no such call. See /api/docs."}, status=404)


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="live"), name="home"),
    path("admin/", admin.site.urls),
    path("login/", SiteLogin.as_view(), name="login"),
    path("language/", set_language, name="set_language"),
    path("live/", live, name="live"),
    path("live/stills/<str:camera_id>.jpg", still, name="still"),
    path("alerts/<path:event_id>", permanent, name="alert"),
    path("api/", unknown_call),
    path("api/", api.urls),
    re_path(r"^api/", unknown_call),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
