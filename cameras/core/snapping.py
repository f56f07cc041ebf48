"""Snapshots that the hub takes of a camera by itself: columns of its row. No part of the config document. Pure."""

from __future__ import annotations

from typing import Any

from cameras.core.recording import MOST_DAYS

MINUTES = (0, 1, 5, 15, 60)  # between two of them; 0: none
DEFAULTS: dict[str, Any] = {"snap_every": 0, "snap_schedule": None, "snap_days": 30}
COLUMNS = tuple(DEFAULTS)  # of a camera's row
LONGEST_DAYS = MOST_DAYS
