"""Invariants 1 to 5 on the edge, as a state machine: a real Redis, a real edge store, and a box that is killed, cut off,
filled up and lied to at any moment, in any order.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from cameras.sync_window import HEALTH_WINDOW_SECONDS
from tests.faults.config_box import Process, kind, report
from tests.faults.config_hub import Hub, Issue, Number
from tests.faults.config_machine import ANY_KIND, BoxMachine, run_machine

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

NOTHING: Number = ("", 0)
REASONS = {"unappliable": "could not be applied", "sick": "broken", "late": "broken", "good": "in a row"}


class EdgeMachine(BoxMachine):
    """The box under a hub of ours."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.last = NOTHING
        super().__init__()

    @initialize(kinds=st.lists(ANY_KIND, max_size=2), filling=st.booleans())
    def begin(self, kinds: list[str], filling: bool) -> None:
        self._boot()
        for what in kinds:
            self.issue(what)
            self.pass_time(HEALTH_WINDOW_SECONDS)
        if filling:
            self.disk_that_fills_while_a_document_comes("good", 1)
            self.disk(None)

    # The hub

    @rule(what=ANY_KIND)
    def issue(self, what: str) -> None:
        self.hub.publish(self.redis, self.hub.issue(what))

    @rule(what=ANY_KIND)
    def issue_while_the_publisher_dies(self, what: str) -> None:
        self.hub.issue(what)

    @precondition(lambda self: self.hub.issues)
    @rule(data=st.data())
    def publish_any(self, data: st.DataObject) -> None:
        self.hub.publish(self.redis, self.hub.issues[data.draw(st.sampled_from(sorted(self.hub.issues)))])

    @precondition(lambda self: self.hub.issues)
    @rule(data=st.data())
    def restore_redis_from_an_old_backup(self, data: st.DataObject) -> None:
        self.flush_the_cloud()
        self.publish_any(data)
        self.step(2)

    @precondition(lambda self: self.hub.issues)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        old = self.hub.issues[data.draw(st.sampled_from(sorted(self.hub.issues)))]
        if old.whole is not None and old.number[0] == self.hub.epoch:
            self.hub.publish(self.redis, self.hub.issue(old.kind, rollback_of=old.number[1]))

    @rule(what=ANY_KIND)
    def provision_anew(self, what: str) -> None:
        self.hub.provision_anew()
        self.issue(what)

    def forgotten(self) -> None:
        self.hub.forget()

    def _process(self) -> Process:
        self.changes_before = self.hub.changes
        return super()._process()

    # The invariants

    def look(self, hindered: str, *, stepped: bool = True) -> None:
        process, sync = self.process, self.process.sync
        current = sync.current
        number = current.number if current else NOTHING
        if current is not None:
            issue = self.hub.issues[number]  # 3: one issued document, whole, in the parts, in memory and on disk
            assert process.parts is current
            assert sync.running.text == issue.text
            assert issue.whole is not None
            assert (current.header, current.content) == (issue.whole.header, issue.whole.content)
        self._look_back(number, hindered)
        for stored in (process.documents.running(), process.documents.confirmed()):
            assert stored is None or stored.text == self.hub.issues[stored.epoch, stored.version].text
        confirmed = process.documents.confirmed()
        if confirmed is not None:
            assert self.hub.issues[confirmed.epoch, confirmed.version].kind == "good"  # 5
            if current is not None and stepped and hindered != "full" and kind(current) == "sick":
                assert not sync.window.is_open, "a sick one runs on"
        bad = [n for n in process.tries if self.hub.issues[n].kind == "unappliable"]
        assert len(bad) == len(set(bad)), "tried again"  # 4
        assert process.refusals <= self.hub.changes - self.changes_before + 1
        reverted = [(e.epoch, e.version) for e in process.documents.journal(1000) if e.state == "reverted"]
        assert len(reverted) == len(set(reverted)), "reverted twice"
        told = report(self.redis)
        if stepped and hindered != "cut off" and told:  # renewed within seconds where Redis lost it
            assert ((told["epoch"], told["applied"]) == number) or hindered == "full"
            assert (told["reason"] != "") >= (told["state"] in ("refused", "reverted") or hindered == "full")

    def _look_back(self, number: Number, hindered: str) -> None:
        """1: never back, except to the last confirmed one, and then the one that was left is never taken up again."""
        if number < self.last and hindered != "full":
            assert self._ending(self.hub.issues[self.last])[0] in ("reverted", "trying")  # or replaced by one that was
            entries = [e for e in self.process.documents.journal(4) if e.state == "reverted"]
            bad, reason = max(((e.epoch, e.version), e.reason) for e in entries)
            assert bad >= self.last
            assert REASONS[self.hub.issues[bad].kind] in reason or "in a row" in reason
            confirmed = self.process.documents.confirmed()
            if confirmed is not None:
                assert number == (confirmed.epoch, confirmed.version)
        if number != NOTHING and hindered != "full" and self.process.disk.room is None:
            assert self._ending(self.hub.issues[number])[0] in ("applied", "confirmed")
        self.last = number

    def _ending(self, issue: Issue) -> tuple[str, str]:
        assert issue.whole is not None
        (epoch, version), sha256 = issue.number, issue.whole.header.sha256
        return self.process.documents.ending_of(epoch=epoch, version=version, sha256=sha256)

    @precondition(lambda self: self.hub.issues)
    @rule()
    def calm_down(self) -> None:
        """2 and 4: whatever was, the newest document runs in the end, or its reason is reported."""
        newest = self.hub.newest
        self.hub.publish(self.redis, newest)  # as the hub's reconcile step does
        self.calm()
        told = report(self.redis)
        if newest.whole is None:
            assert told["state"] in ("refused", "reverted")
        elif self.last == newest.number:
            assert told["state"] == "applied"
            confirmed = self.process.documents.confirmed()
            assert newest.kind == "good" or (confirmed is None and newest.kind != "unappliable")
            assert told["confirmed"] == (newest.number[1] if newest.kind == "good" else 0)
        else:
            state, reason = self._ending(newest)
            assert (state, told["state"]) == ("reverted", "reverted")
            assert told["reason"] == reason
            assert REASONS[newest.kind] in reason or "in a row" in reason

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.issue("good")
                self.calm_down()
                assert self.last == self.hub.newest.number
        finally:
            self.close()


def test_config_on_the_edge_holds_its_invariants_whatever_happens() -> None:
    run_machine(EdgeMachine, examples=60, steps=40)
