"""Model validators: the config document's own checks, worded for a form field."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cameras.core import values
from cameras.core.geometry import GeometryError, validate_shape
from cameras.core.reasons import reason_of, worded

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def validate_code(value: str) -> None:
    """Identifiers stand in URLs, file names and Redis keys."""
    if not CODE.fullmatch(value):
        raise ValidationError(
            _("Use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit.")
        )


def validate_source(value: str) -> None:
    try:
        values.check_source(value)
    except ValueError as error:
        raise ValidationError(_("The URL %(problem)s.") % {"problem": _(str(error))}) from None


def validate_sub_stream(value: str) -> None:
    try:
        values.check_sub_stream(value)
    except ValueError as error:
        raise ValidationError(_("The URL %(problem)s.") % {"problem": _(str(error))}) from None


def validate_time_zone(value: str) -> None:
    try:
        values.check_time_zone(value)
    except ValueError as error:
        raise ValidationError(_("“%(value)s” %(problem)s.") % {"value": value, "problem": _(str(error))}) from None


def clean_shape(roi_type: str, coordinates: Any) -> list[list[float]]:
    """The points as plain lists. Raises ValidationError that names the point and what is wrong."""
    try:
        return [[x, y] for x, y in validate_shape(roi_type, coordinates)]
    except GeometryError as error:
        raise ValidationError(worded(error.template, error.values, _)) from None


def parameter_problem(error: Any) -> str:
    """What pydantic says of an algorithm's parameter, for a form."""
    name = ".".join(str(part) for part in error["loc"])
    template, values = reason_of(error)
    text = _("is an unknown parameter") if error["type"] == "extra_forbidden" else worded(template, values, _)
    return f"{name}: {text}" if name else text
