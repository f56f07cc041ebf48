"""Large files go into a bucket in parts: each with a checksum that the server compares, resumed where an earlier try ended.

The checksum is `Content-MD5` (RFC 1864), which every S3 knows. The newer `x-amz-checksum-…` are an extension that servers of
others answer with an error, or ignore; whether the whole is what was sent is seen when it is read back.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import takewhile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from edgesite.storage import LARGE, StorageError
from edgesite.upload_record import Begun, UploadRecord

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

log = structlog.get_logger(__name__)

MOST_PARTS = 10_000  # S3's
STALE = timedelta(days=1)
MOST_LOOKED_AT = 1000
GONE = "NoSuchUpload"
OVER = {GONE, "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"}  # it can only be begun anew
NO_LIST = {"AccessDenied", "NotImplemented", "MethodNotAllowed"}
S3_ERRORS = (BotoCoreError, ClientError)


def part_size(size: int) -> int:
    """Bytes of a part of a file of so many: 8 MiB, more where that made too many of them."""
    megabyte = 1024 * 1024
    return max(LARGE, -(-size // (MOST_PARTS * megabyte)) * megabyte)


def code_of(error: Exception) -> str:
    """S3's word for what went wrong; "" when the server said none."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


class _Body(io.BytesIO):
    """A part that is no longer sent once the program is to end: a thin line takes minutes for one."""

    def __init__(self, content: bytes, stop: threading.Event) -> None:
        super().__init__(content)
        self._stop = stop

    def read(self, size: int | None = -1, /) -> bytes:
        if self._stop.is_set():
            raise InterruptedError("the program ends")
        return super().read(size)


def content_md5(content: bytes) -> str:
    """As `Content-MD5` says it, by which a bucket refuses what was spoiled on its way."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


@dataclass(slots=True)
class Multipart:
    """Of one bucket. Errors are StorageError, all `retryable`; OSError when the file cannot be read."""

    client: S3Client
    bucket: str

    def send(
        self, key: str, file: Path, *, sha256: str, size: int, about: Mapping[str, Any], stop: threading.Event
    ) -> None:
        """Returns when the server has put the parts together. about: what else S3 is told of the object.

        A part at a time is in memory. What an earlier try of the same content sent is not sent again.
        """
        record = UploadRecord(file)
        try:
            found = self._found(record, key, sha256, size) or self._begin(record, key, sha256, size, about)
            begun, tags = found
            with file.open("rb") as source:
                for number in range(len(tags) + 1, begun.count + 1):
                    tags.append(self._part(begun, number, source, stop))
                    record.add(tags[-1])
            self._complete(begun, tags)
        except S3_ERRORS as error:
            if code_of(error) in OVER:
                self.forget(file)
            raise StorageError(f"{key} could not be stored: {error}", retryable=True) from error
        record.forget()
        self._abort_others(key)

    def forget(self, file: Path) -> None:
        """What was begun of this file, and is not to go on, is taken away; what that fails for is stale in a day."""
        record = UploadRecord(file)
        held = record.read()
        if held is not None:
            self._abort(held[0].key, held[0].upload_id)
        record.forget()

    def abort_stale(self, folders: Iterable[str]) -> int:
        """Aborts uploads into these folders to which nobody added anything for a day; how many. Raises StorageError."""
        aborted = looked = 0
        try:
            for folder in folders:
                pages = self.client.get_paginator("list_multipart_uploads")
                for page in pages.paginate(Bucket=self.bucket, Prefix=f"{folder}/"):
                    now = _time_of(page)
                    for upload in page.get("Uploads", ()):
                        looked += 1
                        if looked > MOST_LOOKED_AT:
                            return aborted
                        key, upload_id = upload["Key"], upload["UploadId"]
                        if now - upload["Initiated"] > STALE and self._quiet(key, upload_id, now):
                            aborted += self._abort(key, upload_id)
        except S3_ERRORS as error:
            raise StorageError(f"unfinished uploads could not be looked up: {error}", retryable=True) from error
        return aborted

    # -- one upload ----------------------------------------------------------------------------------------------------

    def _begin(
        self, record: UploadRecord, key: str, sha256: str, size: int, about: Mapping[str, Any]
    ) -> tuple[Begun, list[str]]:
        answer = self.client.create_multipart_upload(Bucket=self.bucket, Key=key, **about)
        begun = Begun(key, sha256, size, part_size(size), answer["UploadId"])
        record.begin(begun)
        return begun, []

    def _found(self, record: UploadRecord, key: str, sha256: str, size: int) -> tuple[Begun, list[str]] | None:
        """What an earlier try began of the same content, with the parts that the server still has."""
        held = record.read()
        if held is None:
            return None
        begun, tags = held
        if (begun.key, begun.sha256, begun.size) != (key, sha256, size):
            self._abort(begun.key, begun.upload_id)
            return None
        try:
            listed = self._listed(begun)
        except ClientError as error:
            if code_of(error) == GONE:
                return None
            if code_of(error) not in NO_LIST:
                raise
            return begun, tags  # what was noted counts: the whole is read back in the end
        there = takewhile(lambda n: listed.get(n) == (_bare(tags[n - 1]), begun.length(n)), range(1, len(tags) + 1))
        kept = [tags[number - 1] for number in there]
        if len(kept) < len(tags):
            record.begin(begun, kept)
        log.info("upload goes on", key=key, part=len(kept) + 1, parts=begun.count)
        return begun, kept

    def _listed(self, begun: Begun) -> dict[int, tuple[str, int]]:
        """Tag and bytes of each part that the server has."""
        pages = self.client.get_paginator("list_parts").paginate(
            Bucket=self.bucket, Key=begun.key, UploadId=begun.upload_id
        )
        return {p["PartNumber"]: (_bare(p["ETag"]), p["Size"]) for page in pages for p in page.get("Parts", ())}

    def _part(self, begun: Begun, number: int, source: IO[bytes], stop: threading.Event) -> str:
        if stop.is_set():
            raise StorageError(f"{begun.key} is not uploaded yet: the program ends", retryable=True)
        source.seek((number - 1) * begun.part)
        content = source.read(begun.length(number))
        if len(content) != begun.length(number):
            raise StorageError(f"{begun.key}: the file became shorter", retryable=True)
        answer = self.client.upload_part(
            Bucket=self.bucket, Key=begun.key, UploadId=begun.upload_id, PartNumber=number, ContentMD5=content_md5(content),
            Body=_Body(content, stop),
        )  # fmt: skip
        return answer["ETag"]

    def _complete(self, begun: Begun, tags: list[str]) -> None:
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        self.client.complete_multipart_upload(
            Bucket=self.bucket, Key=begun.key, UploadId=begun.upload_id,
            MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]  # as the stubs call the same two keys
        )  # fmt: skip

    # -- what nobody goes on with ----------------------------------------------------------------------------------------

    def _abort_others(self, key: str) -> None:
        """The object stands: what a kill left of its uploads before anything of them was noted costs room for nothing."""
        try:
            listed = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=key)
        except S3_ERRORS as error:
            log.debug("unfinished uploads could not be looked up", key=key, reason=str(error))
            return
        for upload in listed.get("Uploads", ()):
            if upload["Key"] == key:
                self._abort(key, upload["UploadId"])

    def _abort(self, key: str, upload_id: str) -> bool:
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except S3_ERRORS as error:
            if code_of(error) != GONE:
                log.warning("an unfinished upload could not be aborted", key=key, reason=str(error))
            return False
        log.info("unfinished upload aborted", key=key)
        return True

    def _quiet(self, key: str, upload_id: str, now: datetime) -> bool:
        """Whether no part of it came lately: a thin line may take days, and a box may have been alone meanwhile."""
        pages = self.client.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=key, UploadId=upload_id)
        try:
            return all(now - part["LastModified"] > STALE for page in pages for part in page.get("Parts", ()))
        except ClientError as error:
            if code_of(error) == GONE:
                return False
            raise


def _bare(tag: str) -> str:
    return tag.strip('"')


def _time_of(answer: Mapping[str, Any]) -> datetime:
    """By the server's clock, where it says one: the box's may be wrong."""
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(said)
    except ValueError:
        return datetime.now(UTC)
