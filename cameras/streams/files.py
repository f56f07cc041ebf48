"""A file that is played as if it were a camera: how long one round of it takes."""

from __future__ import annotations

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cameras.streams.errors import IngestError


def loop_length(container: InputContainer, stream: VideoStream) -> float:
    """Seconds that one round takes: the video stream's own duration, else the container's.

    Raises IngestError for a still picture or a file that does not say how long it is.
    """
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / av.time_base
    raise IngestError("the file does not say how long it is; turn it into an MP4", retryable=False)
