"""The uploads of a recorder alone, in a process that a test can kill: `-m tests.servers.clip_child FOLDER`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from tests.recordings.waiting import Waiting  # noqa: E402  # after the settings


def main() -> None:
    box = Waiting(Path(sys.argv[1]))
    while box.store.in_states("uploading"):
        if not box.uploads.step():
            time.sleep(0.05)
    box.close()


if __name__ == "__main__":
    main()
