from __future__ import annotations

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from cameras.models import Camera
from cameras.selectors import visible_cameras


def camera_of(request: HttpRequest, camera_id: str) -> Camera:
    """The camera, when the person may see it. Raises Http404: who may not, does not learn that it exists."""
    camera = visible_cameras(request.user).filter(pk=camera_id).first()
    if camera is None:
        raise Http404(_("There is no such camera. It may have been deleted."))
    return camera
