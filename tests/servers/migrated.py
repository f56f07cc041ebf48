"""A database as `migrate` leaves it: made once for a state of the code, and copied wherever one is needed.

Each `migrate` from nothing takes eight seconds of a core, which an installation of each test's own and each process of the unit
tests would spend again.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from importlib.metadata import distributions
from pathlib import Path

from tests.environment import CACHE, ROOT

KEPT_S = 86_400.0
APPS = ("edgesite", "cameras", "recordings", "detection")


@functools.cache
def migrated() -> Path:
    """The file; nobody may write to it. Made by the first of several processes that ask, also of several runs."""
    file = CACHE / f"migrated-{_state()}.sqlite3"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(CACHE / "migrated.lock", "wb") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not file.exists():
                _make(file)
    os.utime(file)  # a run of other code, which clears up, sees that it is in use
    return file


def _state() -> str:
    """Of all that may have a say in what the migrations leave: the product's code and what is installed."""
    digest = hashlib.sha256()
    for path in sorted(path for app in APPS for path in (ROOT / app).rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    digest.update("\n".join(sorted(f"{d.name} {d.version}" for d in distributions())).encode())
    return digest.hexdigest()[:20]


def _make(file: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="edgesite-migrated-") as folder:
        environment = {**os.environ, "VAR_DIR": folder, "DATABASE_URL": "", "EDGE_DATABASE_URL": "", "DEBUG": "1"}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        made = Path(folder) / "edgesite.sqlite3"
        with contextlib.closing(sqlite3.connect(made)) as db:
            db.execute("PRAGMA journal_mode = DELETE")  # the log goes into the file, which is copied alone
        for older in CACHE.glob("migrated-*.sqlite3"):
            if time.time() - older.stat().st_mtime > KEPT_S:  # a run of other code may be using a younger one
                older.unlink()
        part = file.with_suffix(".part")
        shutil.copyfile(made, part)
        part.rename(file)
