"""Putting a document into the cloud Redis: one atomic compare-and-set of document, version and hint (DESIGN 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, cast

from redis.exceptions import ResponseError

from edgesite import redis_keys
from edgesite.redis_clients import Client

# KEYS: config, version, hint stream. ARGV: epoch, version, sha256, document, device_id, stream length, then the version and
# sha256 that may be replaced. Answers `written`, `same`, or `newer`/`other` with the epoch, version and sha256 that are there.
# Epochs are UUIDv7 texts, so that string order is time order. What no device of ours would take (a foreign document has no
# epoch, a damaged one no number or hash) gives way.
COMPARE_AND_SET = """
local current = redis.call('GET', KEYS[1])
if current then
  local ok, doc = pcall(cjson.decode, current)
  if ok and type(doc) == 'table' and type(doc.epoch) == 'string' and type(doc.sha256) == 'string'
      and string.match(doc.epoch, '^%x+%-%x+%-7%x+%-%x+%-%x+$') and #doc.epoch == 36 and #doc.sha256 == 64 then
    local theirs, ours = tonumber(doc.version) or 0, tonumber(ARGV[2])
    if doc.epoch > ARGV[1] or (doc.epoch == ARGV[1] and theirs > ours) then
      return {'newer', doc.epoch, theirs, doc.sha256}
    end
    if doc.epoch == ARGV[1] and theirs > 0 then
      local replaceable = theirs == tonumber(ARGV[7]) and doc.sha256 == ARGV[8]
      if theirs == ours and doc.sha256 == ARGV[3] then
        if current == ARGV[4] and redis.call('GET', KEYS[2]) == ARGV[2] then return {'same'} end
      elseif not replaceable then
        return {'other', doc.epoch, theirs, doc.sha256}
      end
    end
  end
end
redis.call('SET', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', 'device_id', ARGV[5], 'version', ARGV[2], 'action', 'UPDATE')
return {'written'}
"""

Known = Callable[[str, int, str], bool]
TRIES = 10


class Outcome(Enum):
    """What became of a publish.

    WRITTEN: the document is there and hinted. SAME: it already was. OVERTAKEN: a newer one of this hub is there. AHEAD: Redis
    holds one that this hub never issued or has forgotten. Nothing was written in the last three.
    """

    WRITTEN = "written"
    SAME = "same"
    OVERTAKEN = "overtaken"
    AHEAD = "ahead"


def write_document(
    client: Client, *, device_id: str, epoch: str, version: int, sha256: str, text: str, known: Known
) -> Outcome:
    """Publishes atomically, never over a newer document nor over one that is not `known`. Raises RedisError.

    known: whether this hub issued that epoch, version and sha256 to the device. A hub that was restored from a backup has
    forgotten what it issued since: its numbers catch up with those in Redis one day, its history does not.
    """
    keys = [redis_keys.config(device_id), redis_keys.version(device_id), redis_keys.HINT_STREAM]
    values = [epoch, str(version), sha256, text, device_id, str(redis_keys.HINT_STREAM_LENGTH)]
    replaceable = ["0", ""]
    for _ in range(TRIES):
        verdict, *held = cast("list[str]", client.eval(COMPARE_AND_SET, len(keys), *keys, *values, *replaceable))
        if verdict in (Outcome.WRITTEN.value, Outcome.SAME.value):
            return Outcome(verdict)
        if not known(held[0], int(held[1]), held[2]):
            return Outcome.AHEAD
        if verdict == "newer":
            return Outcome.OVERTAKEN
        replaceable = [str(held[1]), held[2]]
    return Outcome.OVERTAKEN  # somebody published with every breath


HEAD = 600  # characters: the header of a document of ours stands in front


def published_heads(client: Client, *, device_ids: list[str]) -> dict[str, tuple[str, str | None]]:
    """For each device the beginning of its document in Redis and the number beside it, in one round trip.

    A key that somebody made of another kind reads as an empty text. Raises RedisError.
    """
    with client.pipeline(transaction=False) as pipe:
        for device_id in device_ids:
            pipe.getrange(redis_keys.config(device_id), 0, HEAD)
            pipe.get(redis_keys.version(device_id))
        answers = [_text(answer) for answer in pipe.execute(raise_on_error=False)]
    return {d: (answers[2 * i], answers[2 * i + 1]) for i, d in enumerate(device_ids)}


def is_wrong_kind(error: object) -> bool:
    """Whether Redis says that a key holds something else than a string, such as a list."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


def _text(answer: Any) -> Any:
    if is_wrong_kind(answer):
        return ""
    if isinstance(answer, Exception):
        raise answer
    return answer


def shows(head: tuple[str, str | None], *, epoch: str, version: int, sha256: str) -> bool:
    """Whether Redis holds exactly this version: document and number."""
    text, number = head
    return number == str(version) and f'"epoch":"{epoch}","version":{version},' in text and sha256 in text
