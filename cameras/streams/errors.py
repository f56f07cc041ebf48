"""Why a camera shows nothing, in words for the person who has to mend it."""

from __future__ import annotations

import av


class IngestError(Exception):
    """A camera cannot be opened or read.

    reason: plain words without any credential, fit for a page. retryable: whether the same URL may work in a moment
    (a camera that restarts) rather than only after somebody changed something (a wrong password).
    """

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


_TIMED_OUT = IngestError("timed out: the camera does not answer", retryable=True)

# The first class that fits counts. FFmpeg's own message is left out: it carries the URL with the password.
_REASONS: tuple[tuple[type[Exception], str, bool], ...] = (
    (av.error.HTTPUnauthorizedError, "wrong user name or password (401)", False),
    (av.error.HTTPForbiddenError, "the camera forbids this stream (403)", False),
    (av.error.HTTPNotFoundError, "the camera has no stream at this path (404)", True),
    (av.error.HTTPError, "the camera reports an error of its own (5xx)", True),
    (av.error.HTTPClientError, "the camera refuses the request (4xx)", True),
    (av.error.ConnectionRefusedError, "connection refused", True),
    (av.error.ConnectionResetError, "the camera broke off the connection", True),
    (av.error.BrokenPipeError, "the camera broke off the connection", True),
    (av.error.TimeoutError, _TIMED_OUT.reason, True),
    (av.error.ExitError, _TIMED_OUT.reason, True),
    (av.error.FileNotFoundError, "no such file or device", True),
    (av.error.PermissionError, "no permission to open it", False),
    (av.error.EOFError, "the stream ended", True),
)


def explain(error: av.FFmpegError) -> IngestError:
    """What FFmpeg's error means; an unknown one keeps FFmpeg's short message, which holds no URL."""
    for kind, reason, retryable in _REASONS:
        if isinstance(error, kind):
            return IngestError(reason, retryable=retryable)
    if isinstance(error, OSError) and error.errno:
        return IngestError(f"cannot be reached: {str(error.strerror).lower()}", retryable=True)
    return IngestError(f"cannot be read: {str(error.strerror).lower()}", retryable=True)
