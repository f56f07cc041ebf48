"""Decodes a live stream as little as it can: in full while something happens, key frames now and then while nothing does.

Packets since the last picture that was looked at are kept. Whatever wakes the camera, they are decoded first and in order,
so that what happened in them is seen although nobody was looking.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Literal

import av
from av.video.codeccontext import VideoCodecContext

from detection.core.heartbeat import CLEAR_HEARTBEAT_S, HEARTBEAT_S, Heartbeat
from detection.core.motion import ChangeMeter
from detection.core.pace import Delay, Shedding
from detection.core.stillness import HOLD_S, SAMPLE_S
from detection.core.wake import SizeMeter
from detection.ingest.attention import Attention, Watch, WatchBudget
from detection.ingest.backlog import Backlog, Kept, Packet, offered
from detection.ingest.frame import small_grey
from detection.ingest.pictures import Decoded

Mode = Literal["awake", "idle", "watching"]

KEY_WAIT_S = 3.0  # and then until a key frame, from which waking can begin, unless they are further apart than this
LEARN_AGAIN_S = 30.0  # awake for longer than this, the stream is taken for a new one
CATCH_UP_S = 8.0  # further behind than this, the newest picture wins again
ROOM_WAIT_S = 0.02  # less than a picture lasts, so that receiving goes on
MOST_BLANK = 8  # packets of a watched stream without a picture: more, and the light decoder leaves out too many
COST_S = 1.9
# Each part of a picture that is waited for wakes the thread, hundreds of times a second: asleep, that would cost more than
# all else. So what has read everything reads on a little later, and then takes what came at once.
REST_ASLEEP_S, REST_AWAKE_S = 0.12, 0.03
ABREAST_ASLEEP_S, ABREAST_AWAKE_S = 0.08, 0.03  # who reads later than this has to catch up first
SLOW_DRIFT = 1e-4  # seconds a second, of clocks alone: by the other measure who rests would get later and later
LEARN_S = 15.0  # a stream without predicted pictures never has a baseline; after so long its sizes are taken for known


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
        self._delay, self._shedding = Delay(), Shedding()
        self._mode: Mode = "idle" if sleeps else "awake"
        self._active_at = self._slept_at = self._woke_at = self._key_at = float("-inf")
        self._sampled_at = self._cost_at = self._learning_until = float("-inf")
        self._spent, self._blank, self._catching, self._readable, self._refused = 0.0, 0, False, False, False
        self._promptness, self._late = Delay(SLOW_DRIFT), float("inf")
        self._unit: Fraction | None = None  # of the connection's stamps, in seconds
        # Many cameras that start at once must not all be decoded at once: the budget decides who is, until sizes are known.
        if sleeps:
            budget.join(self)
        attention.watch = "learning" if sleeps else "awake"

    def feed(self, packet: Packet, *, arrived: float, wall: float) -> Iterator[Decoded]:
        """Takes a packet in; yields the pictures that are to be offered now."""
        if not packet.size:
            return
        item = Kept(packet, arrived, wall)
        self._place(item)
        moved = self._sleeps and self._meter.add(packet.size, key=item.key)
        if item.key:
            self._heartbeat.key(item.sent)
            self._key_at = arrived
        if self._active_at == float("-inf"):
            self._learning_until, self._cost_at, self._spent = arrived + LEARN_S, arrived, time.thread_time()
        if moved or self._active_at == float("-inf"):
            self._active_at = arrived
        self._active_at = max(self._active_at, min(self._attention.wanted_at, arrived))
        if self._sheds(item):
            return
        self._backlog.append(item)
        if self._mode == "awake":
            yield from self.pump()
            self._settle(item)
        elif moved or self._attention.wanted_at > self._slept_at:
            yield from self._wake(item, everything=self._mode == "watching" and self._backlog.kept[0].key)
        elif self._mode == "watching":
            yield from self._compare(item)
        else:
            yield from self._doze(item)
        self._tell(item)

    def _tell(self, item: Kept) -> None:
        self._attention.watch = self._word(item.arrived)
        self._attention.unshown += self._backlog.hidden
        self._backlog.hidden = 0
        if self._readable and self._mode != "awake":
            self._attention.received_at = item.wall

    def _word(self, now: float) -> Watch:
        if self._mode == "awake":
            return "awake"
        if not self._meter.ready and now < self._learning_until:
            return "learning"
        return "coarse" if self._mode == "idle" and self._refused else self._mode

    def _place(self, item: Kept) -> None:
        """When it was sent, by its own stamp: who reads late because there is too much to do must not do more for it."""
        if self._unit is None:  # one and the same for all packets, but PyAV makes it anew each time it is asked
            self._unit = item.packet.time_base
        unit, pts = self._unit, item.packet.pts
        stamp = None if pts is None or unit is None else pts * unit.numerator / unit.denominator
        item.behind = self._delay.behind(item.arrived, stamp)
        self._late = float("inf") if stamp is None else self._promptness.behind(item.arrived, stamp)

    def _sheds(self, item: Kept) -> bool:
        """Whether the packet is left out because the machine has too much to do."""
        seen = self._attention
        awake = self._mode == "awake" and not self._backlog.kept  # what is kept must first be decoded
        leaves_out = self._shedding.leaves_out(key=item.key, share=seen.share if awake else 1.0, behind=item.behind)
        seen.shed += leaves_out
        return leaves_out

    @property
    def catching_up(self) -> bool:
        """Whether pictures that were kept are still to be decoded."""
        return self._mode == "awake" and bool(self._backlog.kept)

    @property
    def rest_s(self) -> float:
        """For how long who had to wait for the last packet need not read on; 0 for at once."""
        if self._mode == "idle" or self._shedding.leaving:
            return REST_ASLEEP_S if self._late < ABREAST_ASLEEP_S else 0.0
        return 0.0 if self.catching_up or self._late >= ABREAST_AWAKE_S else REST_AWAKE_S

    def pump(self) -> Iterator[Decoded]:
        """Goes on with what is kept while awake, as far as the analyser has room for it."""
        kept = self._backlog.kept
        while kept and self._mode == "awake":
            if self._catching and not kept[0].shown:
                late = kept[-1].arrived - kept[0].arrived
                self._catching = late < CATCH_UP_S * self._attention.share and not self._backlog.full
                if self._catching and not self._attention.wait_for_room(ROOM_WAIT_S):
                    return
            next_one = self._backlog.pop()
            if next_one.key and self._backlog.light:  # woken where nothing could be decoded again
                self._backlog.renew()
                self._backlog.linked = True
            for picture, item in self._backlog.decode(next_one):
                yield offered(picture, item, keep=self._catching)
        self._catching = self._catching and bool(kept)

    def close(self) -> None:
        """The connection is over: gives back its share of the budget."""
        self._budget.part(self)
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
            self._learning_until = item.arrived + LEARN_S
        self._change.reset()
        self._slept_at = item.arrived
        self._heartbeat.seen(item.sent)
        self._sleep(item, "watching" if self._enters() else "idle")

    def _weigh_by_size(self) -> None:
        context = self._backlog.context
        if context.width and context.height:  # a decoder that has seen nothing yet knows neither
            self._meter.sized(context.width, context.height)

    def _enters(self) -> bool:
        """Whether a stream whose sizes do not tell what moves may be watched."""
        noisy = not self._meter.clear
        entered = noisy and self._budget.enter(self)
        self._refused = self._meter.ready and noisy and not entered
        return entered

    def _good_moment(self, item: Kept) -> bool:
        return item.key or item.arrived - self._key_at > KEY_WAIT_S

    def _sleep(self, item: Kept, mode: Mode) -> None:
        """After `item` was decoded: keeps what comes from here on; watching, goes on decoding it, though with less care."""
        self._backlog.begin_at(item)
        if item.key:
            self._backlog.renew(light=mode == "watching")
        if mode == "idle":
            self._budget.leave(self)
        self._spent, self._cost_at = time.thread_time(), item.arrived
        self._blank, self._readable, self._mode = 0, True, mode

    def _fits(self, item: Kept) -> bool:
        """Tells the budget what this camera costs asleep; whether watching may go on."""
        if (lasted := item.arrived - self._cost_at) < COST_S:
            return True
        spent, self._cost_at = time.thread_time(), item.arrived
        cores, self._spent = (spent - self._spent) / lasted, spent
        return self._budget.costs(self, cores)

    def _wake(self, item: Kept, *, everything: bool) -> Iterator[Decoded]:
        """Begins to decode what was kept: all of it, or only what the sizes call new."""
        self._backlog.rewind(everything=everything)
        self._budget.leave(self)
        self._change.reset()
        self._attention.wakes += 1
        self._woke_at = item.arrived
        self._mode = self._attention.watch = "awake"
        self._active_at = item.arrived
        self._catching = True
        yield from self.pump()

    def _doze(self, item: Kept) -> Iterator[Decoded]:
        """Asleep: keeps the packet, and looks at it when it is time."""
        restart = self._backlog.kept[0].key
        noisy = False
        if item.key:
            self._weigh_by_size()
            self._fits(item)
            noisy = self._enters()
        if not (noisy or self._due(item) or self._backlog.full or self._attention.glance.wanted):
            return
        alone = item.key and restart
        if self._attention.glance.wanted:
            self._backlog.take_care()
        elif alone and self._backlog.light != self._refused:  # a full box looks with less care
            self._backlog.renew(light=self._refused)
        found = self._backlog.decode_alone(item) if alone else self._backlog.decode_rest()
        self._readable = bool(found)
        if found:
            yield from self._judge(found[0][0], item, must=True)
        elif not alone:  # nothing decodable came; a packet that follows may do better
            self._heartbeat.seen(item.sent)
            self._backlog.trim(item)
        if noisy and self._mode == "idle":
            self._sleep(item, "watching")

    def _due(self, item: Kept) -> bool:
        often = CLEAR_HEARTBEAT_S if self._meter.clear else HEARTBEAT_S
        return self._heartbeat.due(item.sent, key=item.key and self._mode == "idle", within=often)

    def _judge(self, picture: av.VideoFrame, item: Kept, *, must: bool) -> Iterator[Decoded]:
        """Compares a picture; offers it when it `must` or shows something, and wakes for what changed."""
        if not self._backlog.light:  # at once: when it shows something new, others come first
            self._attention.glance.see(picture, item.wall)
        verdict = self._change.update(small_grey(picture), item.arrived)
        if verdict == "same" and not must:
            self._attention.unshown += 1
            return
        self._heartbeat.seen(item.sent)
        if verdict == "changed" and self._backlog.kept[0].key:
            self._attention.unshown += 1  # it is decoded once more, after what led to it
            yield from self._wake(item, everything=True)
            return
        for kept in self._backlog.kept:
            kept.shown = True
        yield offered(picture, item, keep=verdict == "changed", look=verdict)
        self._backlog.trim(item)
        if verdict == "changed":  # what led to it cannot be decoded again; from here on everything is
            yield from self._wake(item, everything=False)

    def _compare(self, item: Kept) -> Iterator[Decoded]:
        """A stream too noisy for its sizes to tell: decodes as if awake, but offers heartbeats until a picture differs."""
        if self._attention.glance.wanted:
            self._backlog.take_care()
        found = self._backlog.decode_rest()
        self._blank = 0 if found else self._blank + 1
        if self._blank > MOST_BLANK:
            self._backlog.leave_none_out()
            self._readable = False
        if found and not self._backlog.light:
            self._attention.glance.see(found[0][0], item.wall)
        if found and item.arrived - self._sampled_at >= SAMPLE_S:
            self._sampled_at, self._readable = item.arrived, True
            yield from self._judge(found[0][0], item, must=self._due(item))
        else:
            self._attention.unshown += len(found)
        if self._mode != "watching":
            return
        self._backlog.trim(item)
        if self._good_moment(item) and (not self._fits(item) or self._meter.clear):
            self._sleep(item, "idle")
        elif item.key and not self._backlog.light:
            self._backlog.renew(light=True)
