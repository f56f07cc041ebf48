"""What a provisioned box may do in the cloud Redis (DESIGN 5.3), and which channels it therefore publishes on."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from edgesite import redis_keys

USER_PREFIX = "device-"


def acl_user(device_id: str) -> str:
    """The name of the device's Redis user."""
    return USER_PREFIX + device_id


def acl_rules(*, device_id: str, password_hash: str, database: int = 0) -> list[str]:
    """What follows `ACL SETUSER name`: the whole user, whatever it was before. Needs Redis 7 (`%R~`, selectors).

    Each kind of key has a selector of its own with the commands that the edge uses on it: with one list for all keys a
    box could replace its event stream by a string and so stop the hub, which reads the streams of all devices at once.
    password_hash: SHA-256, 64 hexadecimal digits. The device's ID must have passed `validate_code`: it holds no glob sign.
    """
    keys = redis_keys
    select = [f"+select|{database}"] if database else []
    return [
        "reset", "on", f"#{password_hash}", "resetchannels", "-@all", "+ping", "+time", "+multi", "+exec", *select,
        "+publish", f"&{keys.stats_channel(device_id)}", f"&{keys.events_channel(device_id)}",
        f"&{keys.preview_channel(device_id, '*')}",
        f"(+set %W~{keys.report(device_id)})",
        f"(+xadd +xrange %RW~{keys.events(device_id)})",
        f"(+hset +expire %W~{keys.still(device_id, '*')})",
        f"(+get +mget %R~{keys.config(device_id)} %R~{keys.version(device_id)})",
        f"(+xread %R~{keys.commands(device_id)} %R~{keys.confirmations(device_id)} %R~{keys.HINT_STREAM})",
        f"(+xrevrange %R~{keys.commands(device_id)} %R~{keys.HINT_STREAM})",
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class LiveChannels:
    """Where a box publishes its statistics and its events."""

    stats: str = redis_keys.STATS_CHANNEL
    events: str = redis_keys.EVENTS_CHANNEL


def live_channels(*, device_id: str, redis_url: str) -> LiveChannels:
    """The device's own channels when the URL's user is a provisioned one (`device-…`), else the plain ones."""
    user = unquote(urlsplit(redis_url).username or "")
    if not user.startswith(USER_PREFIX):
        return LiveChannels()
    return LiveChannels(redis_keys.stats_channel(device_id), redis_keys.events_channel(device_id))
