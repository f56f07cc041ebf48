"""Putting a document into the cloud Redis: one atomic compare-and-set of document, version and hint (DESIGN 5.3)."""

from __future__ import annotations

from enum import Enum

from edgesite import redis_keys
from edgesite.redis_clients import Client

# KEYS: config, version, hint stream. ARGV: epoch, version, document, device_id, stream length.
# Epochs are UUIDv7 texts, so that string order is time order. A document without an epoch is a foreign one and gives way.
COMPARE_AND_SET = """
local current = redis.call('GET', KEYS[1])
if current then
  local ok, doc = pcall(cjson.decode, current)
  if ok and type(doc) == 'table' and type(doc.epoch) == 'string' then
    if doc.epoch > ARGV[1] then return 'ahead' end
    if doc.epoch == ARGV[1] then
      local theirs, ours = tonumber(doc.version) or 0, tonumber(ARGV[2])
      if theirs > ours then return 'ahead' end
      if theirs == ours and current == ARGV[3] and redis.call('GET', KEYS[2]) == ARGV[2] then return 'same' end
    end
  end
end
redis.call('SET', KEYS[1], ARGV[3])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'device_id', ARGV[4], 'version', ARGV[2], 'action', 'UPDATE')
return 'written'
"""


class Outcome(Enum):
    """WRITTEN: the document is there and hinted. SAME: it already was. AHEAD: Redis holds a newer one, nothing written."""

    WRITTEN = "written"
    SAME = "same"
    AHEAD = "ahead"


def write_document(client: Client, *, device_id: str, epoch: str, version: int, text: str) -> Outcome:
    """Publishes atomically, never over a newer document. Raises redis.exceptions.RedisError."""
    answer = client.eval(
        COMPARE_AND_SET,
        3,
        redis_keys.config(device_id),
        redis_keys.version(device_id),
        redis_keys.HINT_STREAM,
        epoch,
        str(version),
        text,
        device_id,
        str(redis_keys.HINT_STREAM_LENGTH),
    )
    return Outcome(answer)


HEAD = 600  # characters: the header of a document of ours stands in front


def published_heads(client: Client, *, device_ids: list[str]) -> dict[str, tuple[str, str | None]]:
    """For each device the beginning of its document in Redis and the number beside it, in one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for device_id in device_ids:
            pipe.getrange(redis_keys.config(device_id), 0, HEAD)
            pipe.get(redis_keys.version(device_id))
        answers = pipe.execute()
    return {d: (answers[2 * i], answers[2 * i + 1]) for i, d in enumerate(device_ids)}


def shows(head: tuple[str, str | None], *, epoch: str, version: int, sha256: str) -> bool:
    """Whether Redis holds exactly this version: document and number."""
    text, number = head
    return number == str(version) and f'"epoch":"{epoch}","version":{version},' in text and sha256 in text
