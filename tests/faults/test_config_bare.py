"""The same box under a foreign control plane (DESIGN 5.4): bare documents, two keys written one by one, ROLLBACK hints."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from cameras.sync_window import HEALTH_WINDOW_SECONDS
from edgesite import redis_keys
from tests.cameras.documents import DEVICE
from tests.faults.config_box import kind, name, report
from tests.faults.config_hub import UNREADABLE
from tests.faults.config_machine import ANY_KIND, BoxMachine, run_machine

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

ROLLED_BACK = "rolled back by its control plane"


def bare(what: str, number: int) -> str:
    """A bare document; every unreadable kind is a binding that names no ROI."""
    camera = {"camera_id": "c1", "camera_name": f"{what} {number}", "rtsp_url": "rtsp://10.0.0.5/live"}
    binds = [{"bind_id": "b", "roi_id": "none", "algo_code": "intrusion"}] if what in UNREADABLE else []
    return json.dumps({"cameras": [camera], "rois": [], "binds": binds})


class BareMachine(BoxMachine):
    """asked: the ROLLBACK hints that this box may obey, by number."""

    def __init__(self) -> None:
        self.number = 0
        self.written: dict[str, str] = {}
        self.asked: list[int] = []
        self.last = 0
        super().__init__()

    @initialize(kinds=st.lists(ANY_KIND, max_size=3))
    def begin(self, kinds: list[str]) -> None:
        self._boot()
        for what in kinds:
            self.issue(what)
            self.pass_time(HEALTH_WINDOW_SECONDS)

    def forgotten(self) -> None:
        """Its control plane writes again when it has something to write."""

    def _text(self, what: str, number: int) -> str:
        text = bare(what, number)
        self.written[f"{what} {number}"] = text
        return text

    @rule(what=ANY_KIND)
    def issue(self, what: str) -> None:
        self.write_the_document_only(what)
        self.write_the_number_only()
        self.hint("UPDATE")

    @rule(what=ANY_KIND)
    def write_the_document_only(self, what: str) -> None:
        self.redis.set(redis_keys.config(DEVICE), self._text(what, self.number + 1))

    @rule()
    def write_the_number_only(self) -> None:
        self.number += 1
        self.redis.set(redis_keys.version(DEVICE), str(self.number))

    @rule(what=ANY_KIND, behind=st.integers(0, 3))
    def write_an_older_number(self, what: str, behind: int) -> None:
        number = max(self.number - behind, 0)
        self.redis.set(redis_keys.config(DEVICE), self._text(what, number))
        self.redis.set(redis_keys.version(DEVICE), str(number))

    @rule(action=st.sampled_from(["UPDATE", "ROLLBACK"]), device_id=st.sampled_from([DEVICE, ""]))
    def hint(self, action: str, device_id: str = DEVICE) -> None:
        self._hint(action, self.number, device_id)

    @precondition(lambda self: self.last)
    @rule(times=st.integers(1, 2))
    def ask_for_a_rollback(self, times: int) -> None:
        for _ in range(times):
            self._hint("ROLLBACK", self.last, DEVICE)

    def _hint(self, action: str, number: int, device_id: str) -> None:
        fields = {"device_id": device_id, "version": str(number), "action": action}
        self.redis.xadd(redis_keys.HINT_STREAM, fields)  # type: ignore[arg-type]
        if action == "ROLLBACK":
            self.asked.append(number)

    def look(self, hindered: str, *, stepped: bool = True) -> None:
        process, current = self.process, self.process.sync.current
        number = current.header.version if current else 0
        entries = process.documents.journal(1000)
        if current is not None:
            assert process.parts is not None
            assert process.parts.content == current.content  # a new number alone restarts nothing
            assert process.sync.running.text == self.written[name(current)]
        if number < self.last and hindered != "full":
            assert any(e.state == "reverted" and e.version >= self.last for e in entries[:4])
        floor, _ = process.documents.bare_floor()
        assert number <= self.last or number > floor or process.disk.room is not None, "what was left came back"
        obeyed = [e.version for e in entries if ROLLED_BACK in e.reason and e.state == "reverted"]
        assert all(obeyed.count(n) <= self.asked.count(n) for n in obeyed)
        assert len(obeyed) == len(set(obeyed)), "a number that was left was run again"
        confirmed = process.documents.confirmed()
        assert confirmed is None or json.loads(confirmed.text)["cameras"][0]["camera_name"].startswith("good")
        sick = current is not None and kind(current) == "sick"
        if sick and confirmed is not None and stepped and hindered != "full":
            assert not process.sync.window.is_open, "a sick one runs on"
        told = report(self.redis)
        if stepped and hindered == "" and told:
            assert (told["epoch"], told["applied"]) == ("", number)
            assert told["reason"] or told["state"] in ("trying", "applied")
        self.last = number

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.issue("good")
                self.calm()
                assert self.last == self.number
                told = report(self.redis)
                assert (told["state"], told["confirmed"]) == ("applied", self.number)
        finally:
            self.close()


def test_bare_config_on_the_edge_holds_its_invariants_whatever_happens() -> None:
    run_machine(BareMachine, examples=50, steps=40)
