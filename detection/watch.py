"""One person's look at one camera while setting up its rules: the draft's rules at work, and what there is to show of them.

They have a pipeline of their own, with a tracker of its own, so that they see what they will see once they are published,
and nothing of the published ones depends on them.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import structlog

from detection.core.detections import Detections, limits_by_class
from detection.core.preview import (
    MOST_FIRED,
    MOST_OBJECTS,
    MOST_SEEN,
    MOST_STATES,
    Fired,
    ObjectPart,
    Preview,
    Seen,
    StatePart,
)
from detection.core.rules.base import RuleEvent
from detection.core.rules.state import RuleState
from detection.core.scene import View, Want
from detection.core.tracking import Tracks
from detection.core.view import Trouble
from detection.ingest.frame import Frame
from detection.pipeline import CameraPipeline
from detection.plan import Plan

log = structlog.get_logger(__name__)

SecondLook = Callable[[Frame, list[Want]], Mapping[Want, View]]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person is about to publish. number: rises with each change. problem: why there are no rules, in words."""

    number: int
    plan: Plan
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One analysed frame as the draft's rules saw it."""

    frame: Frame
    draft: int
    tracks: Tracks
    states: Mapping[str, RuleState]
    trouble: Trouble


@dataclass(slots=True, eq=False)
class Watch:
    """The analyser's thread calls `take_in`, the sender's `take` and `message`; any may set `draft` and `until`.

    class_names: the model's. until: monotonic seconds. newest: not sent yet; newest wins. sent_at: monotonic seconds of the
    latest message, unheard_since: since when nobody listens.
    """

    watch_id: str
    class_names: Sequence[str]
    draft: Draft
    until: float
    width: int
    rate: float
    newest: Look | None = None
    sent_at: float = float("-inf")
    unheard_since: float | None = None
    _pipeline: CameraPipeline = field(init=False)
    _fired: deque[Fired] = field(default_factory=lambda: deque(maxlen=MOST_FIRED))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _broken: str = ""

    def __post_init__(self) -> None:
        self._pipeline = CameraPipeline(self.class_names)

    @property
    def camera_id(self) -> str:
        return self.draft.plan.camera_id

    def take_in(
        self,
        frame: Frame,
        detections: Detections,
        *,
        trouble: Trouble,
        second_look: SecondLook,
    ) -> None:
        """One frame with all that the model saw in it. Never raises: nobody's alerts depend on a draft."""
        draft = self.draft
        try:
            found = self._step(draft.plan, frame, detections, trouble, second_look)
            states = self._pipeline.states(frame.media_time, trouble=trouble)
            self.newest = Look(frame, draft.number, found, states, trouble)
            self._broken = ""
        except Exception as error:  # whatever a draft does
            if not self._broken:
                log.exception("a watch is broken", camera=self.camera_id)
            self._broken = f"{type(error).__name__}: {error}"[:300]

    def _step(
        self,
        plan: Plan,
        frame: Frame,
        detections: Detections,
        trouble: Trouble,
        second_look: SecondLook,
    ) -> Tracks:
        self._pipeline.use(plan)
        own = replace(frame, camera_id=f"{frame.camera_id} {self.watch_id}")  # its track ids are its own
        limits = limits_by_class(tuple(self.class_names), plan.classes, plan.lowest_score)
        observed = self._pipeline.step(
            detections.pick(detections.scores >= limits[detections.class_ids]),
            media_time=frame.media_time,
            generation=frame.generation,
            reconnects=frame.reconnects,
            wall_time=frame.timestamp,
            visible=not trouble,
            look=functools.partial(second_look, own),
        )
        told = [_fired(event, frame) for event in observed.events if event.data.get("reason") != "configuration"]
        with self._lock:
            self._fired += told
        return observed.tracks

    def take(self) -> Look | None:
        """The newest look, once."""
        look, self.newest = self.newest, None
        return look

    def message(self, look: Look | None, now: float) -> Preview:
        """What there is to tell, and to show of a look. now: Unix seconds. What has fired is told once."""
        with self._lock:
            fired = tuple(_told_at(one, now) for one in self._fired)
            self._fired.clear()
        draft = self.draft
        preview = Preview(
            watch_id=self.watch_id,
            camera_id=self.camera_id,
            draft=draft.number,
            problem=(draft.problem or self._broken)[:500],
            fired=fired,
        )
        if look is None:
            return preview
        frame = look.frame
        return preview.model_copy(
            update={
                "draft": look.draft,
                "view": look.trouble,
                "age_s": round(max(now - frame.timestamp, 0.0) + frame.behind, 3),
                "width": frame.width,
                "height": frame.height,
                "seen": self._seen(look.tracks),
                "states": tuple(_part(i, state) for i, state in islice(look.states.items(), MOST_STATES)),
            }
        )

    def _seen(self, tracks: Tracks) -> tuple[Seen, ...]:
        found, names = tracks.detections, self.class_names
        rows = zip(
            tracks.ids.tolist(), found.class_ids.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True
        )
        return tuple(
            Seen(
                id=track_id,
                name=names[class_id][:64] if 0 <= class_id < len(names) else "",
                score=round(score, 3),
                box=tuple(round(side, 4) for side in box),
            )
            for track_id, class_id, score, box in islice(rows, MOST_SEEN)
        )


def _told_at(fired: Fired, now: float) -> Fired:
    """The same, as it is told now."""
    return fired.model_copy(update={"ago_s": round(max(now - fired.at, 0.0), 2)})


def _fired(event: RuleEvent, frame: Frame) -> Fired:
    return Fired(bind_id=event.bind_id, phase=event.phase, at=round(frame.timestamp, 3), track_id=event.track_id)


def _part(bind_id: str, state: RuleState) -> StatePart:
    objects = tuple(
        ObjectPart(id=one.track_id, word=one.word, value=one.value, target=one.target, left_s=one.left_s)
        for one in state.objects[:MOST_OBJECTS]
    )
    return StatePart(
        bind_id=bind_id,
        word=state.word,
        value=float(state.value),
        target=float(state.target),
        unit=state.unit,
        left_s=state.left_s,
        why=state.why,
        detail=state.detail[:500],
        counts=dict(state.counts),
        objects=objects,
    )
