"""What a person says to start a back-test; an upload is looked into before anything is kept of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.models import Binding, Camera
from cameras.streams.errors import IngestError
from detection.backtest.models import BackTest
from detection.offline_video import VideoFile
from recordings.core.names import safe_name

MOST_BYTES = 1_000_000_000
MOST_PIXELS = 4096 * 2304  # the analysis holds several decoded pictures at once


class BackTestForm(forms.Form):
    """Call `checked` instead of `is_valid`: times are in the site's zone."""

    video = forms.FileField(
        label=gettext_lazy("Video file"), required=False, allow_empty_file=True,
        help_text=gettext_lazy("MP4, MKV, MOV, AVI or MPEG-TS, at most 1 GB. It stands for the camera's picture."),
    )  # fmt: skip
    again = forms.ChoiceField(label=gettext_lazy("or one uploaded before"), required=False)
    binding = forms.ChoiceField(label=gettext_lazy("Bindings"), required=False)
    fps = forms.FloatField(
        label=gettext_lazy("Frames analysed a second"), min_value=0.1, max_value=60.0,
        help_text=gettext_lazy("As the camera analyses live, when you leave it as it is."),
    )  # fmt: skip
    began_at = forms.DateTimeField(
        label=gettext_lazy("The video begins at"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
    )  # fmt: skip

    def __init__(self, camera: Camera, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.camera = camera
        self.zone = camera.device.site.time_zone
        self.video_name = ""
        self.video_s: float | None = None
        self.like: BackTest | None = None
        self._earlier = _earlier(camera)
        self.fields["again"].choices = [  # type: ignore[attr-defined]
            ("", "–"),
            *((str(test.pk), test.video_name) for test in self._earlier),
        ]
        bindings = Binding.objects.filter(roi__camera=camera).select_related("roi").order_by("roi__name", "bind_id")
        self.fields["binding"].choices = [  # type: ignore[attr-defined]
            ("", _("all of this camera")),
            *((b.bind_id, f"{b.roi.name or b.roi.roi_id} · {b.algo_code} · {b.bind_id}") for b in bindings),
        ]
        self.fields["fps"].initial = camera.max_fps
        self.fields["began_at"].help_text = _("Time of the site (%(zone)s). Left empty, schedules are ignored.") % {
            "zone": self.zone
        }

    @property
    def has_earlier(self) -> bool:
        return bool(self._earlier)

    def checked(self) -> bool:
        with timezone.override(ZoneInfo(self.zone)):
            return self.is_valid()

    def clean_video(self) -> UploadedFile[Any] | None:
        given: UploadedFile[Any] | None = self.cleaned_data["video"]
        if given is None:
            return None
        if (given.size or 0) > MOST_BYTES:
            raise forms.ValidationError(_("This file is larger than 1 GB. Cut out the part that matters."))
        self.video_name = safe_name(Path(given.name or "").name)
        try:
            self.video_s = _look_into(given)
        except IngestError:
            raise forms.ValidationError(
                _("%(name)s is not a video that can be played.") % {"name": self.video_name}
            ) from None
        return given

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        again = given.get("again")
        self.like = next((test for test in self._earlier if str(test.pk) == again), None)
        if self.like is None and given.get("video") is None and "video" not in self.errors:
            self.add_error("video", _("Choose a video file."))
        return given


def _earlier(camera: Camera) -> list[BackTest]:
    """One back-test for each video of the camera that is stored, newest first."""
    by_key = {test.video_key: test for test in BackTest.objects.filter(camera=camera).order_by("id")}
    return sorted(by_key.values(), key=lambda test: -test.pk)


def _look_into(given: UploadedFile[Any]) -> float | None:
    """The length in seconds that the file says, after its first picture was decoded. Raises IngestError."""
    if isinstance(given, TemporaryUploadedFile):
        return _probe(Path(given.temporary_file_path()))
    with tempfile.NamedTemporaryFile(prefix="edgesite-upload-") as copy:  # small ones come in memory
        for chunk in given.chunks():
            copy.write(chunk)
        copy.flush()
        return _probe(Path(copy.name))


def _probe(path: Path) -> float | None:
    with VideoFile(path) as video:
        _index, first = next(video.frames("upload"))
        if first.width * first.height > MOST_PIXELS:
            raise IngestError("its picture is too large", retryable=False)
        return video.length_s
