"""What one camera's pipeline runs, made from a config document. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cameras.core.algorithms import CommonParameters, Registry
from cameras.core.bare import scaled_to
from cameras.core.document import Content, shape_of
from cameras.core.geometry import Points
from cameras.core.schedule import ScheduleEntry
from detection.core.rules.base import Binding, OtherRoi
from detection.core.tracking import TrackerSettings

START_SCORE = TrackerSettings().start_score
CONTINUE_SCORE = TrackerSettings().continue_score


@dataclass(frozen=True, slots=True)
class Plan:
    """What one camera's pipeline runs: its bindings by priority, and names for messages. Compared by value."""

    camera_id: str
    bindings: tuple[Binding, ...] = ()
    roi_names: tuple[tuple[str, str], ...] = ()
    time_zone: str = "UTC"
    in_pixels: frozenset[str] = frozenset()

    def sized(self, width: int, height: int) -> Plan:
        """The plan for pictures of that size: ROIs that were given in pixels become shares of it."""
        if not self.in_pixels:
            return self

        def shares(roi_id: str, points: Points) -> Points:
            return scaled_to(points, width, height) if roi_id in self.in_pixels else points

        bindings = [
            replace(
                b,
                points=shares(b.roi_id, b.points),
                places=tuple(replace(p, points=shares(p.roi_id, p.points)) for p in b.places),
            )
            for b in self.bindings
        ]
        return replace(self, bindings=tuple(bindings), in_pixels=frozenset())

    @property
    def start_score(self) -> float:
        """The lowest score at which any rule wants an object followed."""
        return min([START_SCORE, *(b.params.min_score for b in self.bindings)])

    @property
    def classes(self) -> frozenset[str]:
        """Names of the classes that any rule or the statistics look at."""
        return frozenset({"person"}.union(*(b.params.classes for b in self.bindings)))

    @property
    def lowest_score(self) -> float:
        """What the detector must give: also weaker detections, which continue a track."""
        return min(CONTINUE_SCORE, self.start_score)


def make_plan(content: Content, camera_id: str, registry: Registry, pixels: Mapping[str, Points] | None = None) -> Plan:
    """The camera's part of a verified document; what is disabled is left out. pixels: as in `Document.pixels`.

    Raises ValueError when a binding names a schedule that the document does not have.
    """
    given = pixels or {}
    schedules: Iterable[ScheduleEntry] = getattr(content, "schedules", ())  # documents without the key have none
    hours = {schedule.schedule_id: schedule for schedule in schedules}
    all_rois = {r.roi_id: r for r in content.rois if r.camera_id == camera_id}
    rois = {roi_id: r for roi_id, r in all_rois.items() if r.enabled}

    def points_of(roi_id: str) -> Points:
        return given.get(roi_id) or shape_of(all_rois[roi_id])

    def places_of(params: CommonParameters) -> tuple[OtherRoi, ...]:
        named = [all_rois[place.roi_id] for place in params.places() if place.roi_id in all_rois]
        return tuple(OtherRoi(roi.roi_id, roi.roi_type, points_of(roi.roi_id)) for roi in named)

    bindings = [
        Binding(
            bind_id=bind.bind_id,
            roi_id=bind.roi_id,
            camera_id=camera_id,
            algo_code=bind.algo_code,
            severity=bind.severity,
            priority=bind.priority,
            roi_type=rois[bind.roi_id].roi_type,
            points=points_of(bind.roi_id),
            params=(params := registry.parameters(bind.algo_code, bind.params)),
            time_zone=content.site.time_zone,
            schedule=_schedule(bind.schedule_id, hours),
            places=places_of(params),
        )
        for bind in content.binds
        if bind.enabled and bind.roi_id in rois
    ]
    bindings.sort(key=lambda b: (-rois[b.roi_id].priority, -b.priority, b.bind_id))
    names = tuple(sorted((r.roi_id, r.roi_name) for r in rois.values()))
    return Plan(camera_id, tuple(bindings), names, content.site.time_zone, frozenset(all_rois) & frozenset(given))


def _schedule(schedule_id: str | None, hours: Mapping[str, ScheduleEntry]) -> ScheduleEntry | None:
    if schedule_id is not None and schedule_id not in hours:
        raise ValueError(f"there is no schedule {schedule_id!r}")
    return None if schedule_id is None else hours[schedule_id]
