"""The ROI editor's JSON as its page asks for it."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client


class Editor:
    """One person at one camera's editor. Every call answers `(status, JSON)`."""

    def __init__(self, client: Client, camera_id: str = "vid1") -> None:
        self.client, self.base = client, f"/admin/cameras/camera/{camera_id}/regions/"

    def _told(self, response: Any) -> tuple[int, Any]:
        assert response["Content-Type"] == "application/json", response.content[:300]
        return response.status_code, response.json()

    def get(self, what: str = "data") -> tuple[int, Any]:
        return self._told(self.client.get(self.base + what))

    def load(self) -> dict[str, Any]:
        status, data = self.get()
        assert status == 200, data
        assert isinstance(data, dict)
        return data

    def put_text(self, text: str) -> tuple[int, Any]:
        return self._told(self.client.put(self.base + "data", text, content_type="application/json"))

    def put(self, rois: Any, *, revision: str | None = None, **more: Any) -> tuple[int, Any]:
        revision = self.load()["revision"] if revision is None else revision
        return self.put_text(json.dumps({"revision": revision, "rois": rois, **more}))

    def post(self, what: str, body: Any) -> tuple[int, Any]:
        return self._told(self.client.post(self.base + what, json.dumps(body), content_type="application/json"))


def refused(answer: tuple[int, Any]) -> list[tuple[int, str, str]]:
    """What a save was refused for: `(index, field, message)`."""
    status, body = answer
    assert status == 422, body
    return [(e["index"], e["field"], e["message"]) for e in body["errors"]]
