"""An S3 bucket as Django's storage: objects are read as streams, in any order, and large files come in parts."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import structlog
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from django.core.files.base import File
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from edgesite import storage
from edgesite.multipart import Multipart, content_md5
from edgesite.storage import StorageError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.httpsession import URLLib3Session
    from botocore.response import StreamingBody
    from mypy_boto3_s3.client import S3Client

log = structlog.get_logger(__name__)

# Checksums that only newer servers know are left out: what matters is compared when it is read back. No tries of boto's own:
# whoever uploads goes on with the next part later.
CONFIG = Config(
    request_checksum_calculation="when_required", response_checksum_validation="when_required",
    retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60,
)  # fmt: skip
TRIES = 3
CHUNK = 1 << 20
SIGNED_S = 60  # for which a permission to write, signed ahead, is good


class ObjectReader(io.RawIOBase):
    """An object as a file for reading, without a copy: the whole of a long recording would fill the memory.

    A connection that breaks is begun again where it broke. Raises ClientError (404), BotoCoreError; OSError when it was
    replaced meanwhile, or cannot be read any further.
    """

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._at, self._body = 0, None  # type: int, StreamingBody | None
        head = _again(lambda: client.head_object(Bucket=bucket, Key=key))
        self.size: int = head["ContentLength"]
        self._tag: str = head["ETag"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if at != self._at:
            self._let_go()
            self._at = max(0, at)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes from here on; fewer only at the end."""
        wanted = self.size - self._at if size is None or size < 0 else min(size, self.size - self._at)
        found: list[bytes] = []
        while wanted > 0:
            found.append(self._some(min(wanted, CHUNK)))
            wanted -= len(found[-1])
        return b"".join(found)

    def readinto(self, buffer: Any, /) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._let_go()
        super().close()

    def _some(self, size: int) -> bytes:
        problem: Exception | None = None
        for _ in range(TRIES):
            try:
                found = self._stream().read(size)
            except ClientError as error:
                raise OSError(f"the object was replaced or removed: {error}") from error
            except (BotoCoreError, OSError) as error:
                problem, found = error, b""
            if found:
                self._at += len(found)
                return found
            self._let_go()
        raise OSError(f"the object cannot be read from byte {self._at} on: {problem}") from problem

    def _stream(self) -> StreamingBody:
        if self._body is None:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key, Range=f"bytes={self._at}-", IfMatch=self._tag
            )
            self._body = answer["Body"]
        return self._body

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


class BucketStorage(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """As `S3Storage`, which reads a whole object into memory before its first byte can be had."""

    @cached_property
    def client(self) -> S3Client:
        """Threads may share it."""
        session = self._create_session()
        made: S3Client = session.client(
            "s3", region_name=self.region_name, use_ssl=self.use_ssl, endpoint_url=self.endpoint_url,
            config=self.client_config.merge(CONFIG), verify=self.verify,
        )  # fmt: skip
        return made

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("objects are written with save()")
        try:
            reader = ObjectReader(self.client, self.bucket_name, self._normalize_name(clean_name(name)))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise FileNotFoundError(name) from error
            raise
        return File(cast("IO[bytes]", reader), name)

    def _save(self, name: str, content: File[bytes]) -> str:
        """A small object is one request; the upload that suits large ones starts threads for it, and asks first."""
        if self.gzip or content.size >= storage.LARGE:
            return str(super()._save(name, content))
        cleaned = clean_name(name)
        key = self._normalize_name(cleaned)
        content.seek(0)
        body, about = content.read(), self._get_write_parameters(key, content)
        _again(lambda: self.client.put_object(Bucket=self.bucket_name, Key=key, Body=body, **about))
        return str(cleaned)

    # -- edgesite.storage.SignsAhead -------------------------------------------------------------------------------------

    def sign_ahead(self, key: str) -> Callable[[bytes], bool] | None:
        """None where the signature has to say more of an object than its type."""
        about = self._get_write_parameters(key)
        # What the client sends with: its connections, proxies and certificates. botocore promises no name for it.
        session = getattr(getattr(self.client, "_endpoint", None), "http_session", None)
        if session is None or self.gzip or set(about) != {"ContentType"}:
            return None
        url = self._signed("put_object", key, SIGNED_S, about)
        return partial(_put_signed, session, url, str(about["ContentType"]))

    def url(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        """Signed by the client that is there: django-storages makes another one in every thread."""
        if parameters or http_method or self.custom_domain or not self.querystring_auth:
            return str(super().url(name, parameters, expire, http_method))
        return self._signed("get_object", name, self.querystring_expire if expire is None else expire, {})

    def _signed(self, act: str, name: str, seconds: int, about: Mapping[str, Any]) -> str:
        """A permission to do this with the object, for whoever has it."""
        where = {"Bucket": self.bucket_name, "Key": self._normalize_name(clean_name(name))}
        return self.client.generate_presigned_url(act, Params={**where, **about}, ExpiresIn=seconds)

    # -- edgesite.storage.InParts ----------------------------------------------------------------------------------------

    def put_parts(self, key: str, file: Path, *, sha256: str, size: int, stop: threading.Event) -> None:
        about = self._get_write_parameters(key)
        self._parts().send(key, file, sha256=sha256, size=size, about=about, stop=stop)

    def forget_parts(self, file: Path) -> None:
        self._parts().forget(file)

    def abort_stale(self, folders: Iterable[str]) -> int:
        return self._parts().abort_stale(folders)

    def _parts(self) -> Multipart:
        return Multipart(self.client, self.bucket_name)


def _put_signed(session: URLLib3Session, url: str, content_type: str, content: bytes) -> bool:
    headers = {"Content-Type": content_type, "Content-MD5": content_md5(content)}
    request = AWSRequest("PUT", url, headers, content)
    try:
        answer: AWSResponse = session.send(request.prepare())
    except (ConnectTimeoutError, ReadTimeoutError):  # whose texts hold the URL, and with it the permission
        raise StorageError("the bucket does not answer", retryable=True) from None
    except BotoCoreError:
        return False
    if answer.status_code >= 500:
        raise StorageError(f"the bucket answered {answer.status_code}", retryable=True)
    if answer.status_code != 200:  # a wrong clock or region, which the ordinary way may hide
        log.warning("permission to store was not accepted", status=answer.status_code)
    return bool(answer.status_code == 200)


def _again(call: Callable[[], Any]) -> Any:
    for _ in range(TRIES - 1):
        try:
            return call()
        except BotoCoreError:
            continue
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
    return call()
