"""Nothing goes, changes or comes between in a chain of evidence without being seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgesite.core.chain import Content, Fault, Link, faults_of, next_link

Entry = tuple[Link, Content]


def chain(length: int = 6, name: str = "c1") -> list[Entry]:
    last, entries = Link(name, 0, "", ""), []
    for number in range(1, length + 1):
        content = Content(f"e{number}", f"captures/20261122/v_e{number}.jpg", f"{number:064x}", 1000 + number)
        last = next_link(last, content)
        entries.append((last, content))
    return entries


def test_a_whole_chain_has_no_fault_in_whatever_order_it_came() -> None:
    entries = chain()
    last = entries[-1][0]
    assert faults_of(reversed(entries), newest=(last.number, last.value)) == []
    assert faults_of([]) == []


@pytest.mark.parametrize("field", ["sha256", "key", "event_id", "size"])
def test_a_changed_content_is_seen(field: str) -> None:
    entries = chain()
    link, content = entries[2]
    changes: dict[str, Any] = {field: 7 if field == "size" else "f" * 64}
    entries[2] = (link, replace(content, **changes))
    assert faults_of(entries) == [Fault("forged", 3, 3)]


def test_a_content_that_was_changed_together_with_its_link_does_not_fit_the_next() -> None:
    entries = chain()
    link, content = entries[2]
    entries[2] = forged = (
        next_link(entries[1][0], replace(content, sha256="f" * 64)),
        replace(content, sha256="f" * 64),
    )
    assert forged[0].number == link.number
    assert faults_of(entries) == [Fault("broken", 4, 4)]


def test_the_last_one_is_held_by_what_the_device_says() -> None:
    entries = chain()
    told = (6, entries[-1][0].value)
    forged = replace(entries[-1][1], sha256="f" * 64)
    assert faults_of([*entries[:-1], (next_link(entries[-2][0], forged), forged)], newest=told) == [
        Fault("broken", 6, 6)
    ]
    assert faults_of(entries[:-2], newest=told) == [Fault("gap", 5, 6)]
    assert faults_of([], newest=told) == [Fault("gap", 1, 6)]


def test_what_was_taken_out_is_a_gap() -> None:
    entries = chain()
    assert faults_of(entries[:1] + entries[4:]) == [Fault("gap", 2, 4)]
    assert faults_of(entries[2:]) == [Fault("gap", 1, 2)]


def test_a_loss_that_the_device_reported_is_none_and_what_follows_must_still_fit() -> None:
    entries = chain()
    lost = {link.number: link.value for link, _ in entries[1:3]}
    left = entries[:1] + entries[3:]
    assert faults_of(left, reported=lost) == []
    assert faults_of(left, reported=lost | {3: "0" * 64}) == [Fault("broken", 4, 4)]
    assert faults_of(left, reported={2: lost[2]}) == [Fault("gap", 3, 3)]


def test_a_place_that_is_there_twice_is_told() -> None:
    entries = chain()
    assert faults_of([*entries, entries[3]]) == [Fault("doubled", 4, 4)]


def test_a_number_beyond_all_measure_costs_no_time() -> None:
    entries = chain(2)
    link, content = entries[1]
    assert Fault("gap", 2, 2**52 - 1) in faults_of([entries[0], (replace(link, number=2**52), content)])


def test_a_link_travels_as_it_is() -> None:
    link = chain(2)[1][0]
    assert Link.of(link.message()) == link
