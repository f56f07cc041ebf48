"""The environment of every test: a temporary VAR_DIR, and nothing of the developer's own installation."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("EDGESITE_TEST_CACHE") or ROOT / "var" / "test-cache")  # kept between runs
INSIDE = "EDGESITE_TESTS"
# Empty counts as unset, and keeps `.env` from filling it in.
UNSET = (
    "DATABASE_URL",
    "EDGE_DATABASE_URL",
    "MEDIA_ROOT",
    "OUTPUT_DIR",
    "DEVICE_ID",
    "DEVICE_TOKEN",
    "S3_BUCKET",
    "S3_ENDPOINT_URL",
    "PUBLIC_URL",
    "EMAIL_URL",
    "EMAIL_FROM",
    "NOTIFY_HOSTS",
)


def prepare() -> None:
    """Sets it once for a test run; the processes that tests start inherit it and may be given their own."""
    if os.environ.get(INSIDE):
        return
    folder = tempfile.mkdtemp(prefix="edgesite-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(dict.fromkeys(UNSET, ""))
    os.environ.update({INSIDE: "1", "VAR_DIR": folder, "DEBUG": "1"})


prepare()
