"""Which row a path of a document is about, as people call it. Pure.

`binds[2].params.dwell_s` is *binding intrusion · Door, Dwell (s)*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cameras.core.algorithms import Registry
from cameras.core.difference import FIELDS, name_of
from cameras.core.document import parse_content
from cameras.core.reasons import Word
from cameras.core.strict_json import DocumentError

WORDS = {"cameras": Word("camera"), "rois": Word("ROI"), "binds": Word("binding"), "schedules": Word("schedule")}
PATH = re.compile(r"(cameras|rois|binds|schedules)\[(\d+)\](?:\.(\w+))?(?:\.(\w+))?")
FURTHER = {"coordinates": "coordinates", "rtsp_url": "stream URL"}


def check_rows(content: Mapping[str, Any], registry: Registry) -> None:
    """`parse_content` of compiled rows; its DocumentError says which row it is about (`subject`)."""
    try:
        parse_content(content, registry)
    except DocumentError as error:
        error.subject = subject_of(error.path, content, registry)
        raise


def subject_of(path: str, content: Mapping[str, Any], registry: Registry) -> tuple[str, dict[str, object]] | None:
    """A template and its values; None for a path that is about no row."""
    found = PATH.match(path)
    if found is None:
        return None
    kind, index, key, parameter = found.groups()
    row = content[kind][int(index)]
    values: dict[str, object] = {"kind": WORDS[kind], "name": name_of(kind, row, content)}
    field = (
        _parameter(row, parameter, registry) if key == "params" and parameter else FIELDS.get(key) or FURTHER.get(key)
    )
    return ("%(kind)s %(name)s, %(field)s", values | {"field": Word(field)}) if field else ("%(kind)s %(name)s", values)


def _parameter(row: Mapping[str, Any], name: str, registry: Registry) -> str:
    """What the form calls it; its own name where the algorithm has no such parameter."""
    algorithm = registry.get(row["algo_code"])
    field = algorithm.parameters.model_fields.get(name) if algorithm else None
    return (field.title if field else None) or name
