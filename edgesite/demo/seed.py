"""The demo's rows. Running it again changes nothing that a person has edited, but the camera's source, the
administrator's password and the token."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model
from django.db import transaction

from cameras.audit import acting
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.services import publish_edit
from edgesite.roles import OPERATOR
from edgesite.tokens import replace_token

ADMIN_NAME = "admin"
CAMERA_ID = "vid1"
TOKEN_NAME = "demo"  # noqa: S105 - the name of a token

Shape = tuple[str, str, list[list[float]], dict[str, float]]

# Name of the ROI, its ID, its points, the binding's parameters. On the street clip somebody has stayed in one of the two
# long enough within 2 s of any moment at which analysis starts; after that an alert comes every 2 s on average, and the
# longest time without one is 11 s.
SHAPES: dict[str, tuple[Shape, ...]] = {
    "street": (
        ("Pavement", "street-pavement", [[0.16, 0.34], [0.33, 0.36], [0.33, 0.49], [0.16, 0.45]], {"dwell_s": 1.0}),
        ("Crossing", "street-crossing", [[0.62, 0.5], [0.9, 0.5], [0.9, 0.7], [0.66, 0.64]], {"dwell_s": 1.0}),
    ),
    "any": (
        ("Whole picture", "whole", [[0.01, 0.01], [0.99, 0.01], [0.99, 0.99], [0.01, 0.99]], {"dwell_s": 1.0}),
        ("Middle", "middle", [[0.3, 0.3], [0.7, 0.3], [0.7, 0.99], [0.3, 0.99]], {"dwell_s": 2.0}),
    ),
}


def seed(*, device_id: str, source: str, shapes: str) -> dict[str, str]:
    """Make what is missing and publish it. Returns `user`, `password`, `token` and `camera_id`.

    source: the camera's URL. Raises ValidationError, for example for a URL that no camera can have.
    """
    with transaction.atomic(), acting(author=ADMIN_NAME, reason="demo"):
        password = _set_admin_password()
        camera = _camera(device_id, source)
        if not camera.rois.exists():
            _rois(camera, SHAPES[shapes])
        token = replace_token(name=TOKEN_NAME, role=OPERATOR)
        publish_edit(device_ids=[camera.device_id], author=ADMIN_NAME, reason="demo")
    return {"user": ADMIN_NAME, "password": password, "token": token, "camera_id": CAMERA_ID}


def _set_admin_password() -> str:
    password = secrets.token_urlsafe(12)
    user, _ = get_user_model().objects.get_or_create(username=ADMIN_NAME)
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_password(password)
    user.save()
    return password


def _camera(device_id: str, source: str) -> Camera:
    camera = Camera.objects.filter(pk=CAMERA_ID).first()
    if camera is None:
        site, _ = Site.objects.get_or_create(name="Demo")
        device, _ = Device.objects.get_or_create(device_id=device_id, defaults={"name": "Demo box", "site": site})
        camera = Camera(camera_id=CAMERA_ID, device=device, name="Street")
    camera.rtsp_url = source
    camera.full_clean()
    camera.save()
    return camera


def _rois(camera: Camera, shapes: tuple[Shape, ...]) -> None:
    for name, code, points, params in shapes:
        roi = ROI(roi_id=code, camera=camera, name=name, roi_type="polygon", coordinates=points)
        roi.full_clean()
        roi.save()
        binding = Binding(bind_id=f"{code}-intrusion", roi=roi, algo_code="intrusion", params=params)
        binding.full_clean()
        binding.save()
