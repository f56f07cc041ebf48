"""What alerts have to do with stored pictures: which of them a box may upload, and what is said when one's time is over."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_noop

from cameras.models import Device
from detection.models import Alert
from recordings.core.names import capture_of
from recordings.uploads.grants import Grant

REMOVED = gettext_noop("the picture was removed: its time was over")


def _belongs_to(device: Device, key: str) -> bool:
    """Whether an alert of this very device promised the picture, or one of which this is the full one."""
    return Alert.objects.filter(device_id=device.pk, capture__in={key, capture_of(key)}).exists()


CAPTURES = Grant(_belongs_to, most=20 * 1024 * 1024)


def captures_removed(keys: Sequence[str]) -> None:
    """Their alerts show no picture any more, and say why."""
    Alert.objects.filter(capture__in=keys).update(capture_ready=False, capture_problem=REMOVED)
