"""A site's rows as YAML, JSON or CSV text: the same rows always give the same text."""

from __future__ import annotations

import json
from typing import Any

import yaml

from cameras.core.transfer import SiteState
from cameras.core.transfer_file import FORMAT, KEYS, PARTS
from cameras.transfer.reading import NUMBER
from cameras.transfer.table import write_csv
from edgesite.core.urls import mask_url

FORMATS = ("yaml", "json", "csv")
CONTENT_TYPES = {"yaml": "application/yaml", "json": "application/json", "csv": "text/csv"}


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # the C one where it was built
    """Block style with one point of a shape in a line; no aliases; text that looks like a number in quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, value: str) -> Any:
    style = '"' if NUMBER.fullmatch(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _list(dumper: Any, value: list[Any]) -> Any:
    flow = not any(isinstance(item, list | dict) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flow)


def _float(dumper: Any, value: float) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:float", json.dumps(value))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(float, _float)


def site_value(state: SiteState, *, secrets: bool = False) -> dict[str, Any]:
    """The file's value, rows by identifier, keys in the schema's order. Without `secrets`, stream URLs are masked."""
    value: dict[str, Any] = {"format": FORMAT, "site": state.site}
    for kind in KEYS:
        names = PARTS[kind].model_fields
        value[kind] = [{name: row[name] for name in names} for _, row in sorted(state.rows[kind].items())]
    if not secrets:
        for camera in value["cameras"]:
            camera.update({key: mask_url(camera[key]) for key in ("rtsp_url", "sub_url")})
    return value


def write_site(state: SiteState, kind: str, *, secrets: bool = False) -> str:
    """kind: one of `FORMATS`; `csv` has the cameras only."""
    value = site_value(state, secrets=secrets)
    if kind == "csv":
        return write_csv(value["cameras"])
    if kind == "json":
        return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1000)
    return text
