"""A staged publish told line by line, for a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils import timezone

from cameras.core.rollout import Kind
from cameras.rollouts.models import DeviceState, Rollout
from cameras.rollouts.reading import looks_at, rows_of
from cameras.rollouts.texts import loaded

NOT_PUBLISHED = (DeviceState.FAILED, DeviceState.SKIPPED, DeviceState.ROLLED_BACK)


@dataclass(slots=True)
class Follower:
    """Call `news` now and then: one line for each change of a state since the last call.

    left_out: devices that do not run what was to be published; those that wait for their boxes are not among them.
    """

    rollout_id: int
    state: str = ""
    left_out: list[str] = field(default_factory=list)
    _told: dict[str, str] = field(default_factory=dict)

    def news(self) -> list[str]:
        rollout = Rollout.objects.get(pk=self.rollout_id)
        self.state = rollout.state
        rows = rows_of(rollout)
        self.left_out = [row.device_id for row in rows if row.state in NOT_PUBLISHED]
        lines = []
        for row, look in zip(rows, looks_at(rows, now=timezone.now()), strict=True):
            number = f" version {row.version}" if row.version else ""
            away = " (waits for the box)" if look.kind is Kind.ABSENT else ""
            why = str(loaded(row.reason))
            lines.append((row.device_id, f"{row.state}{number}{away}{f': {why}' if why else ''}"))
        why = str(loaded(rollout.stop_reason)) or str(loaded(rollout.note))
        lines.append(("staged publish", f"{rollout.state}{f': {why}' if why else ''}"))
        return [f"{name}: {text}" for name, text in lines if self._is_news(name, text)]

    def _is_news(self, name: str, text: str) -> bool:
        before = self._told.get(name)
        self._told[name] = text
        return before != text and not (before is None and text == DeviceState.WAITING)
