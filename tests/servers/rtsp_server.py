#!/usr/bin/python3
"""RTSP cameras for tests; run by the system's Python, because GStreamer's bindings are Debian packages.

    /usr/bin/python3 rtsp_server.py --port 8554 [--user NAME --password WORD] street=clip.mp4 yard=other.mp4

Each name becomes ``rtsp://127.0.0.1:PORT/name`` and plays its H.264 file (no B-frames) again and again without
re-encoding; the time stamps go on over the seam, like those of a camera. Writes the line ``serving`` when it listens.
Packages: gir1.2-gst-rtsp-server-1.0 python3-gi python3-gst-1.0 gstreamer1.0-plugins-{base,good,bad}.
"""

import argparse
import itertools
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

READ = (
    "filesrc name=file ! qtdemux ! h264parse config-interval=-1"
    " ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out sync=false"
)
SERVE = "( appsrc name=clip format=time is-live=true ! h264parse config-interval=1 ! rtph264pay name=pay0 pt=96 )"


def access_units(path):
    """All coded pictures of a file as (bytes, nanoseconds), and what GStreamer says they are."""
    pipeline = Gst.parse_launch(READ)
    pipeline.get_by_name("file").set_property("location", path)
    pipeline.set_state(Gst.State.PLAYING)
    out, units, caps = pipeline.get_by_name("out"), [], None
    while True:
        sample = out.emit("pull-sample")
        if sample is None:
            break
        buffer, caps = sample.get_buffer(), sample.get_caps()
        lasts = buffer.duration if 0 < buffer.duration < 10 * Gst.SECOND else Gst.SECOND // 10
        units.append((buffer.extract_dup(0, buffer.get_size()), lasts))
    pipeline.set_state(Gst.State.NULL)
    if not units:
        raise SystemExit(f"{path} holds no H.264 video")
    return units, caps


class Camera(GstRtspServer.RTSPMediaFactory):
    """One looping clip; all viewers share one playback."""

    def __init__(self, path):
        super().__init__()
        self.units, self.caps = access_units(path)
        self.set_launch(SERVE)
        self.set_shared(True)
        self.connect("media-configure", self.on_media)

    def on_media(self, _factory, media):
        source = media.get_element().get_by_name("clip")
        source.set_property("caps", self.caps)
        endless, clock = itertools.cycle(self.units), {"ns": 0}

        def push_next(appsrc, _wanted):
            content, lasts = next(endless)
            buffer = Gst.Buffer.new_wrapped(content)
            buffer.pts = buffer.dts = clock["ns"]
            buffer.duration = lasts
            clock["ns"] += lasts
            appsrc.emit("push-buffer", buffer)

        source.connect("need-data", push_next)


def ask_for_password(server, factory, user, password):
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    factory.add_role_from_structure(
        Gst.Structure.from_string("viewer,media.factory.access=true,media.factory.construct=true")[0]
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("cameras", nargs="+", metavar="name=file")
    wanted = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(wanted.port)
    for pair in wanted.cameras:
        name, _, path = pair.partition("=")
        camera = Camera(path)
        server.get_mount_points().add_factory(f"/{name}", camera)
        if wanted.user:
            ask_for_password(server, camera, wanted.user, wanted.password)
    if not server.attach(None):
        sys.exit(f"port {wanted.port} is taken")
    print("serving", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
