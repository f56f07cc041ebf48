"""What a box says of a picture while it takes a new camera up: whoever asks again in a moment gets one."""

from __future__ import annotations

from django.utils.translation import gettext_noop

NO_CAMERA = gettext_noop("The box's configuration does not have this camera. Publish the device's configuration.")
STARTING = gettext_noop("The box is just taking this camera up. Try again in some seconds.")
CONNECTING = gettext_noop("the camera is being connected to; try again in some seconds")
SOON = (NO_CAMERA, STARTING, CONNECTING)
