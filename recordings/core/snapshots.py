"""What a device answers to the command `snapshot` (DESIGN 5.3). Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _plain(text: str) -> str:
    if any(ord(c) < 0x20 or ord(c) == 0x7F or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise ValueError("holds a control character")
    return text


Name = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_plain)]
Side = Annotated[int, Field(ge=0, le=65_535)]


class SnapshotAnswer(BaseModel):
    """at: Unix seconds of the picture; width, height: pixels. message: what went wrong and what to do, in English."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    event_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_plain)]
    request_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_plain)]
    camera_id: Name
    status: Literal["ok", "error"]
    key: Annotated[str, Field(max_length=500), AfterValidator(_plain)] = ""
    at: Annotated[float, Field(ge=0, lt=253_402_214_400, allow_inf_nan=False)] | None = None
    width: Side = 0
    height: Side = 0
    message: Annotated[str, Field(max_length=500), AfterValidator(_plain)] = ""

    @model_validator(mode="after")
    def _whole(self) -> SnapshotAnswer:
        if self.status == "ok" and (self.at is None or not self.width or not self.height or not self.key):
            raise ValueError("a picture that is there has a key, a time and a size")
        return self

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return self.model_dump(mode="json", exclude={"event_id"})
