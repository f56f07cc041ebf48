"""The one exception type of the inference layer."""

from __future__ import annotations


class ModelError(Exception):
    """A model cannot be loaded or run. The message names the file and what to do.

    retryable: whether the same call may succeed later without anybody changing the model (memory of a busy
    accelerator, a file that is still being copied), so that a worker waits instead of giving up.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
