"""A camera's forms: its stream URL, whose secrets no page gets back, and the ways to put one together."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from cameras.core.stream_urls import (
    DEFAULT_PORT,
    MAIN,
    MAKES,
    MOST_CHANNELS,
    SUB,
    Address,
    StreamUrlError,
    compose,
    compose_sub,
)
from cameras.models import Camera
from cameras.validators import validate_code, validate_sub_stream
from edgesite.core.urls import mask_url

SOURCE_FIELDS = ("rtsp_url", "user", "password", "sub_url", "make", "host", "port", "channel", "stream")
HELPER_FIELDS = SOURCE_FIELDS[4:]
LONGEST_URL = 2000
KEPT_WHEN_EMPTY = {"record", "event_pre_s", "event_post_s", "snap_every", "snap_days"}
TEXTS = (  # of `cameras.core.stream_urls`, which knows no gettext
    gettext_noop("The password is hidden here. Type it again when you change the URL."),
    gettext_noop("Only rtsp:// and rtsps:// URLs take a user and a password."),
    gettext_noop("Only a camera with an rtsp:// or rtsps:// URL has a sub-stream."),
    gettext_noop("A password needs a user."),
    gettext_noop("Give a host name or an IP address, without rtsp:// and without a path."),
    gettext_noop("Another make"),
)


class MaskedInput(forms.TextInput):
    """Never repeats a password, not even the one that was just typed beside a mistake in another field."""

    def format_value(self, value: Any) -> str | None:
        shown = super().format_value(value)
        return mask_url(shown) if shown else shown


class WriteOnlyInput(forms.TextInput):
    """Never repeats what was typed."""

    def format_value(self, value: Any) -> None:
        return None


def _makes() -> list[tuple[str, str]]:
    return [("", _("I type the URL")), *((make.code, _(make.label)) for make in MAKES.values())]


class SourceFields(forms.Form):
    """The stream URL: typed, or built from the camera's make; user and password beside it. The sub-stream shares them.

    stored, stored_sub: what is kept.
    """

    stored = stored_sub = ""

    rtsp_url = forms.CharField(
        label=capfirst(Camera._meta.get_field("rtsp_url").verbose_name),
        help_text=Camera._meta.get_field("rtsp_url").help_text,
        max_length=LONGEST_URL,
        required=False,
        widget=MaskedInput(attrs={"class": "vLargeTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    user = forms.CharField(
        label=gettext_lazy("User"),
        max_length=200,
        required=False,
        widget=WriteOnlyInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        help_text=gettext_lazy("Becomes part of the URL, encrypted, and is never shown. Empty keeps what is stored."),
        max_length=200,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    sub_url = forms.CharField(
        label=capfirst(Camera._meta.get_field("sub_url").verbose_name),
        help_text=Camera._meta.get_field("sub_url").help_text,
        max_length=LONGEST_URL,
        required=False,
        widget=MaskedInput(attrs={"class": "vLargeTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    make = forms.ChoiceField(
        label=gettext_lazy("Make"),
        help_text=gettext_lazy("Builds the stream URL from the fields below, in place of the one above."),
        choices=_makes,
        required=False,
    )
    host = forms.CharField(
        label=gettext_lazy("Host"),
        max_length=253,
        required=False,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    port = forms.IntegerField(
        label=gettext_lazy("Port"),
        min_value=1,
        max_value=65_535,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": str(DEFAULT_PORT)}),
    )
    channel = forms.IntegerField(
        label=gettext_lazy("Channel"),
        help_text=gettext_lazy("Of a recorder with several cameras; otherwise 1."),
        min_value=1,
        max_value=MOST_CHANNELS,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": "1"}),
    )
    stream = forms.ChoiceField(
        label=gettext_lazy("Stream"),
        choices=[(MAIN, gettext_lazy("Main: sharp, dear")), (SUB, gettext_lazy("Sub: small, cheap"))],
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors.keys() & set(SOURCE_FIELDS):
            return given
        try:
            url = compose(
                given.get("rtsp_url") or "",
                stored=self.stored,
                user=given.get("user") or "",
                password=given.get("password") or "",
                address=_address(given),
            )
        except StreamUrlError as error:
            self.add_error(error.field, _(str(error)))
            return given
        if not url:
            self.add_error("rtsp_url", ValidationError(self.fields["rtsp_url"].error_messages["required"], "required"))
        elif len(url) > LONGEST_URL:
            self.add_error("rtsp_url", _("The URL is too long."))
        else:
            given["rtsp_url"] = url
            given["sub_url"] = self._sub_stream(given.get("sub_url") or "", url)
        return given

    def _sub_stream(self, given: str, url: str) -> str:
        try:
            sub = compose_sub(given, stored=self.stored_sub, url=url)
        except StreamUrlError as error:
            self.add_error(error.field, _(str(error)))
            return ""
        try:
            if sub:
                validate_sub_stream(sub)
        except ValidationError as error:
            self.add_error("sub_url", error)
        return sub

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and self.errors and self.data.get(self.add_prefix("password")):
            self["password"].help_text = _("Type it again: no page gets a password back.")


def _address(given: dict[str, Any]) -> Address | None:
    if not given.get("make"):
        return None
    return Address(
        make=given["make"],
        host=given.get("host") or "",
        port=given.get("port") or DEFAULT_PORT,
        channel=given.get("channel") or 1,
        stream=given.get("stream") or MAIN,
    )


class CameraForm(SourceFields, forms.ModelForm[Camera]):
    """The stream URL is shown with its secrets masked; left as it is, the stored one stays."""

    class Meta:
        model = Camera
        fields = "__all__"  # noqa: DJ007  the admin class names the fields

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in KEPT_WHEN_EMPTY & self.fields.keys():
            self.fields[name].required = False
        if not self.instance._state.adding:
            self.stored, self.stored_sub = self.instance.rtsp_url, self.instance.sub_url
            self.initial.update(rtsp_url=mask_url(self.stored), sub_url=mask_url(self.stored_sub))

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        for name in KEPT_WHEN_EMPTY & given.keys():
            if given[name] in (None, ""):
                given[name] = getattr(self.instance, name)
        return given


class SourceForm(SourceFields):
    """What a test of the connection is asked for: the fields of a page that was not saved yet."""

    def __init__(self, data: dict[str, Any], *, stored: Camera) -> None:
        super().__init__(data)
        self.stored, self.stored_sub = stored.rtsp_url, stored.sub_url


class CloneForm(SourceFields):
    """What a clone has of its own. The stream URL begins as the original's, and the sub-stream where it is a path: a whole
    URL would lead to the original still."""

    camera_id = forms.CharField(
        label=capfirst(Camera._meta.get_field("camera_id").verbose_name), max_length=64, validators=[validate_code]
    )
    name = forms.CharField(label=capfirst(Camera._meta.get_field("name").verbose_name), max_length=200, required=False)
    required_css_class = "required"
    field_order = ("camera_id", "name", *SOURCE_FIELDS)

    def __init__(self, original: Camera, data: Any = None) -> None:
        self.stored = original.rtsp_url
        self.stored_sub = original.sub_url if original.sub_url.startswith("/") else ""
        initial = {"rtsp_url": mask_url(self.stored), "sub_url": mask_url(self.stored_sub)}
        super().__init__(data, initial=initial, label_suffix="")

    def clean_camera_id(self) -> str:
        given: str = self.cleaned_data["camera_id"]
        if Camera.objects.filter(pk=given).exists():
            raise ValidationError(_("There is a camera with this ID already."))
        return given
