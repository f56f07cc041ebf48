"""How this process's C heap behaves, for processes that hold many pictures in many threads for months."""

from __future__ import annotations

import ctypes
import sys

# mallopt(3), malloc.h of glibc
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
PICTURE_BYTES = 128 * 1024
ARENAS = 4


def keep_flat() -> bool:
    """Pictures get pages of their own, which go back to the system when they are freed; the rest shares few arenas.

    glibc otherwise raises its threshold with the first picture that is freed, puts all later ones into up to eight arenas a
    core, and each of these keeps the most that it ever held: memory then grows for hours. Call it before threads start.
    False where there is no glibc.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, PICTURE_BYTES)) and bool(mallopt(M_ARENA_MAX, ARENAS))
