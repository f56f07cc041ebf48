"""Every Redis key of DESIGN 5.3, and the few of our own. Nothing else in the project spells a key."""

from __future__ import annotations

HINT_STREAM = "device_config_stream"
HINT_STREAM_LENGTH = 10_000
STATS_CHANNEL = "hbd:stats"
EVENTS_CHANNEL = "hbd:events"
PREVIEW_CHANNEL = "hbd:preview"
DEVICE_CHANNELS = ("hbd:stats:*", "hbd:events:*")  # where provisioned devices publish
CONFIRMATIONS_LENGTH = 10_000
COMMANDS_LENGTH = 1_000
EVENTS_GROUP = "hub"
SNAP_STREAM = "edge_snap_request"
SNAP_GROUP = "edge_snap_group"
SNAP_DEAD = "edge_snap_request:dead"
SNAP_DEAD_LENGTH = 1_000
SNAP_RESULT_SECONDS = 60

LOCAL_CURRENT = "local:device:config:current"
LOCAL_BACKUP = "local:device:config:backup"
LOCAL_VERSION = "local:device:config:version"
LOCAL_STREAM_LAST_ID = "local:device:config:stream_last_id"

# In the hub's own (channel) Redis.
HUB_HEARTBEAT = "hub:heartbeat"


def config(device_id: str) -> str:
    return f"device:{device_id}:config"


def version(device_id: str) -> str:
    return f"device:{device_id}:version"


def events(device_id: str) -> str:
    return f"device:{device_id}:events"


def confirmations(device_id: str) -> str:
    return f"device:{device_id}:confirmations"


def report(device_id: str) -> str:
    return f"device:{device_id}:report"


def still(device_id: str, camera_id: str) -> str:
    """Newest still of a camera for the live page: a hash of `jpeg` (bytes) and `at` (Unix seconds). An addition to 5.3."""
    return f"device:{device_id}:still:{camera_id}"


def commands(device_id: str) -> str:
    return f"device:{device_id}:commands"


def snap_result(request_id: str) -> str:
    """The answer to an integrator's request that no callback took."""
    return f"snap:result:{request_id}"


def stats_channel(device_id: str) -> str:
    """Where a provisioned device publishes its statistics; the hub checks them and relays them to STATS_CHANNEL."""
    return f"{STATS_CHANNEL}:{device_id}"


def events_channel(device_id: str) -> str:
    """The same for events and EVENTS_CHANNEL."""
    return f"{EVENTS_CHANNEL}:{device_id}"


def preview_channel(device_id: str, watch_id: str) -> str:
    """Where a device shows a camera to one watcher, whose socket on the hub alone subscribes to it; never relayed."""
    return f"{PREVIEW_CHANNEL}:{device_id}:{watch_id}"


def hub_stats(camera_id: str) -> str:
    """Newest statistics message of a camera, kept by the hub for 10 s."""
    return f"hub:stats:{camera_id}"
