"""Decodes a live stream as little as it can: in full while something happens, key frames now and then while nothing does.

Packets since the last picture that was looked at are kept. Whatever wakes the camera, they are decoded first and in order,
so that what happened in them is seen although nobody was looking.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import av
from av.video.codeccontext import VideoCodecContext

from detection.core.heartbeat import Heartbeat
from detection.core.motion import ChangeMeter
from detection.core.wake import SizeMeter
from detection.ingest.attention import Attention, Watch, WatchBudget
from detection.ingest.backlog import Backlog, Kept, Packet
from detection.ingest.frame import small_grey
from detection.ingest.pictures import Decoded

HOLD_S = 4.0  # awake for so long after the last movement or track
KEY_WAIT_S = 3.0  # and then until a key frame, from which waking can begin, unless they are further apart than this
LEARN_AGAIN_S = 30.0  # awake for longer than this, the stream is taken for a new one
CATCH_UP_S = 8.0  # further behind than this, the newest picture wins again
ROOM_WAIT_S = 0.02  # less than a picture lasts, so that receiving goes on
SAMPLE_S = 0.15  # a watched stream is compared so often: twice within the shortest event that counts
COST_S = 1.9


class AdaptiveDecoder:
    """Decodes one connection's packets; one thread. attention.watch says how it goes about it.

    sleeps: False decodes everything at once, always. on_damage: called for each packet that cannot be decoded.
    """

    def __init__(
        self,
        context: VideoCodecContext,
        *,
        attention: Attention,
        budget: WatchBudget,
        sleeps: bool,
        on_damage: Callable[[], None],
    ) -> None:
        self._attention, self._budget, self._sleeps = attention, budget, sleeps
        self._meter, self._change, self._heartbeat = SizeMeter(), ChangeMeter(), Heartbeat()
        self._backlog = Backlog(context, on_damage)
        self._catching = False
        self._active_at = self._slept_at = self._woke_at = self._key_at = float("-inf")
        self._sampled_at = self._cost_at = float("-inf")
        self._cost = 0.0
        # Many cameras that start at once must not all be decoded at once: the budget decides who is, until sizes are known.
        attention.watch = "idle" if sleeps else "awake"

    def feed(self, packet: Packet, *, arrived: float, wall: float) -> Iterator[Decoded]:
        """Takes a packet in; yields the pictures that are to be offered now."""
        if not packet.size:
            return
        item = Kept(packet, arrived, wall)
        moved = self._sleeps and self._meter.add(packet.size, key=item.key)
        if item.key:
            self._heartbeat.key(arrived)
            self._key_at = arrived
        if moved or self._active_at == float("-inf"):
            self._active_at = arrived
        self._active_at = max(self._active_at, min(self._attention.wanted_at, arrived))
        self._backlog.append(item)
        if self._attention.watch == "awake":
            yield from self.pump()
            self._settle(item)
        elif moved or self._attention.wanted_at > self._slept_at:
            yield from self._wake(item, everything=False)
        elif self._attention.watch == "watching":
            yield from self._compare(item)
        else:
            yield from self._doze(item)
        self._attention.unshown += self._backlog.hidden
        self._backlog.hidden = 0

    def pump(self) -> Iterator[Decoded]:
        """Goes on with what is kept while awake, as far as the analyser has room for it."""
        kept = self._backlog.kept
        while kept and self._attention.watch == "awake":
            if self._catching and not kept[0].shown:
                self._catching = kept[-1].arrived - kept[0].arrived < CATCH_UP_S and not self._backlog.full
                if self._catching and not self._attention.wait_for_room(ROOM_WAIT_S):
                    return
            for picture, item in self._backlog.decode(self._backlog.pop()):
                yield _decoded(picture, item, keep=self._catching)
        self._catching = self._catching and bool(kept)

    def close(self) -> None:
        """The connection is over: gives back its share of the budget."""
        self._budget.leave(self)
        self._attention.missed += len(self._backlog.kept) if self._catching else 0
        self._attention.watch = "awake"  # nothing is known of the next one

    def _settle(self, item: Kept) -> None:
        """Falls asleep when nothing has moved for a while, at a key frame where there are some."""
        quiet = item.arrived - self._active_at
        if not self._sleeps or self._backlog.kept or quiet < HOLD_S or not self._good_moment(item):
            return
        self._weigh_by_size()
        if self._attention.wanted_at <= self._woke_at:
            self._meter.mistaken()
        elif item.arrived - self._woke_at > LEARN_AGAIN_S:
            self._meter.restart()
        self._change.reset()
        self._slept_at = item.arrived
        self._heartbeat.seen(item.arrived)
        noisy = not self._meter.clear and self._budget.enter(self)
        self._sleep(item, "watching" if noisy else "idle")

    def _weigh_by_size(self) -> None:
        context = self._backlog.context
        if context.width and context.height:  # a decoder that has seen nothing yet knows neither
            self._meter.sized(context.width, context.height)

    def _good_moment(self, item: Kept) -> bool:
        return item.key or item.arrived - self._key_at > KEY_WAIT_S

    def _sleep(self, item: Kept, watch: Watch) -> None:
        """After `item` was decoded: keeps what comes from here on, or goes on decoding it."""
        self._backlog.begin_at(item)
        if watch == "watching":
            self._backlog.clear()
            self._cost, self._cost_at = 0.0, item.arrived
        else:
            self._budget.leave(self)
            if item.key:
                self._backlog.renew()
        self._attention.watch = watch

    def _wake(self, item: Kept, *, everything: bool) -> Iterator[Decoded]:
        """Begins to decode what was kept: all of it, or only what the sizes call new."""
        self._backlog.rewind(everything=everything)
        self._budget.leave(self)
        self._change.reset()
        self._attention.wakes += 1
        self._woke_at = item.arrived
        self._attention.watch = "awake"
        self._active_at = item.arrived
        self._catching = True
        yield from self.pump()

    def _doze(self, item: Kept) -> Iterator[Decoded]:
        """Asleep: keeps the packet, and looks at it when it is time."""
        due = self._heartbeat.due(item.arrived, key=item.key)
        restart = self._backlog.kept[0].key
        noisy = False
        if item.key:
            self._weigh_by_size()
            noisy = not self._meter.clear and self._budget.enter(self)
        if not (noisy or due or self._backlog.full):
            return
        alone = item.key and restart and not noisy
        found = self._backlog.decode_alone(item) if alone else self._backlog.decode_rest()
        if found:
            yield from self._judge(found[0][0], item)
        elif not alone:  # nothing decodable came; a packet that follows may do better
            self._heartbeat.seen(item.arrived)
            self._backlog.trim(item)
        if noisy and self._attention.watch == "idle":
            self._sleep(item, "watching")

    def _judge(self, picture: av.VideoFrame, item: Kept) -> Iterator[Decoded]:
        verdict = self._change.update(small_grey(picture), item.arrived)
        self._heartbeat.seen(item.arrived)
        if verdict == "changed" and self._backlog.kept[0].key:
            self._attention.unshown += 1  # it is decoded once more, after what led to it
            yield from self._wake(item, everything=True)
            return
        for kept in self._backlog.kept:
            kept.shown = True
        yield _decoded(picture, item, look=verdict)
        self._backlog.trim(item)
        if verdict == "changed":  # what led to it cannot be decoded again; from here on everything is
            yield from self._wake(item, everything=False)

    def _compare(self, item: Kept) -> Iterator[Decoded]:
        """A stream too noisy for its sizes to tell: decodes as if awake, but offers heartbeats until a picture differs."""
        began = time.thread_time()
        looks = [self._sample(picture, kept) for picture, kept in self._backlog.decode(self._backlog.pop())]
        self._cost += time.thread_time() - began
        for decoded in looks:
            if decoded is None:
                self._attention.unshown += 1
                continue
            yield decoded
            if decoded.look == "changed":
                yield from self._wake(item, everything=False)
                return
        if item.arrived - self._cost_at > COST_S and self._good_moment(item):
            fits = self._budget.costs(self, self._cost / (item.arrived - self._cost_at))
            self._cost, self._cost_at = 0.0, item.arrived
            if self._meter.clear or not fits:
                self._sleep(item, "idle")

    def _sample(self, picture: av.VideoFrame, item: Kept) -> Decoded | None:
        if item.arrived - self._sampled_at < SAMPLE_S:
            return None
        self._sampled_at = item.arrived
        verdict = self._change.update(small_grey(picture), item.arrived)
        if verdict == "same" and not self._heartbeat.due(item.arrived, key=False):
            return None
        self._heartbeat.seen(item.arrived)
        return _decoded(picture, item, keep=verdict == "changed", look=verdict)


def _decoded(picture: av.VideoFrame, item: Kept, *, keep: bool = False, look: str = "") -> Decoded:
    # Of a drained decoder's picture PyAV knows the number of its stamp, but not the unit.
    base = item.packet.time_base
    stamp = None if picture.pts is None or base is None else float(picture.pts * base)
    return Decoded(picture, stamp, wall=item.wall, arrived=item.arrived, keep=keep, look=look)
