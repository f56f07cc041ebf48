"""Answers that somebody awaits do not wait behind what else a box says: the thread that takes that in may be storing alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from redis.exceptions import ResponseError

from edgesite import redis_keys
from edgesite.redis_clients import Client, read_streams
from recordings.orders.flight import Flight
from recordings.orders.told import told

MOST = 20  # entries of one box at a time: those of a box that was away for a day belong to others

Hear = Callable[[Client, dict[str, str], str], object]


@dataclass(slots=True)
class Listening:
    """One thread calls `wait`. hear: is given every entry that a box of which an answer is awaited writes, and its device ID;
    others are given them too.
    """

    client: Client
    hear: Hear
    _places: dict[str, str] = field(default_factory=dict)

    def wait(self, flights: Iterable[Flight], *, seconds: float) -> bool:
        """Whether something was told, at once or after so many seconds. Raises RedisError."""
        if told.wait(0):
            return True
        self._places = self._awaited(flights)
        if not self._places:
            return told.wait(seconds)
        names = {redis_keys.events(device_id): device_id for device_id in self._places}
        places = {stream: self._places[device_id] for stream, device_id in names.items()}
        try:
            found = read_streams(self.client, places, count=MOST, block_ms=max(1, round(1000 * seconds)))
        except ResponseError:  # one of them is no stream, of which `Ingest` says what to do
            return told.wait(seconds)
        for stream, entries in found.items():
            for entry_id, fields in entries:
                self.hear(self.client, fields or {}, names[stream])
                self._places[names[stream]] = entry_id
        return told.wait(0)

    def _awaited(self, flights: Iterable[Flight]) -> dict[str, str]:
        """By device the place behind which its answers come: it answers after it was asked."""
        places: dict[str, str] = {}
        for flight in flights:
            if flight.awaited is not None and flight.awaited.said is None and flight.row is None:
                device_id = str(flight.awaited.snapshot.device_id)
                places[device_id] = self._places.get(device_id) or f"{int(1000 * flight.at) - 1}-0"
        return places
