"""Which alerts a rule picks and when, the signature, and the pauses between tries."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cameras.core.schedule import ScheduleEntry
from detection.core.notifications import Choice, Happening, retry_after, retry_delay, sign

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC).timestamp()  # a Monday
WHAT = Happening(1, "vid1", "intrusion", "warning", AT, "UTC")


@pytest.mark.parametrize(
    ("choice", "picked"),
    [
        ({}, True),
        ({"site": 1, "camera_id": "vid1", "algo_code": "intrusion", "least": "warning"}, True),
        ({"site": 2}, False),
        ({"camera_id": "vid2"}, False),
        ({"algo_code": "loitering"}, False),
        ({"least": "critical"}, False),
        ({"least": "info"}, True),
    ],
)
def test_what_a_rule_picks(choice: dict[str, Any], picked: bool) -> None:
    assert Choice(**choice).picks(WHAT) is picked


def test_a_rule_of_a_site_does_not_pick_what_has_none() -> None:
    assert not Choice(site=1).picks(replace(WHAT, site=None))


def test_hours_are_those_of_the_sites_clock() -> None:
    day = ScheduleEntry.model_validate(
        {"schedule_id": "s", "weekly": [{"day": "mon", "start": "08:00", "end": "17:00"}]}
    )
    choice = Choice(schedule=day)
    opens = choice.opens_at(WHAT)
    assert opens == datetime(2026, 11, 23, 8, 0, tzinfo=UTC).timestamp()
    assert choice.opens_at(replace(WHAT, time_zone="Asia/Shanghai")) == AT  # 11:00 there
    vienna = choice.opens_at(replace(WHAT, time_zone="Europe/Vienna"))
    assert vienna == datetime(2026, 11, 23, 8, 0, tzinfo=ZoneInfo("Europe/Vienna")).timestamp()
    assert Choice(schedule=ScheduleEntry(schedule_id="s")).opens_at(WHAT) is None


def test_the_signature_is_the_documented_one() -> None:
    """Made with: printf '1795305600.{"a":1}' | openssl dgst -sha256 -hmac secret"""
    assert (
        sign("secret", 1795305600, b'{"a":1}') == "v1=2d6055a94c65d011e3a5f7c90a003c3052f18b27ba60c71d723d091203f64fce"
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("120", 120.0),
        ("0", 0.0),
        ("99999999999999999999", 3600.0),
        ("-5", None),
        ("soon", None),
        ("٣", None),
    ],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after(value, now=AT) == seconds


def test_retry_after_as_a_date() -> None:
    def date(offset: float) -> str:
        return format_datetime(datetime.fromtimestamp(AT + offset, UTC), usegmt=True)

    assert retry_after(date(90), now=AT) == 90.0
    assert retry_after(date(-90), now=AT) == 0.0
    assert retry_after(date(1e6), now=AT) == 3600.0


def test_pauses_grow_with_full_jitter_and_keep_what_was_asked() -> None:
    rng = random.Random(1)
    for tries, most in ((1, 5.0), (2, 10.0), (5, 80.0), (12, 900.0)):
        drawn = [retry_delay(tries, rng=rng) for _ in range(300)]
        assert min(drawn) >= 2.5
        assert most * 0.8 < max(drawn) <= most
    assert retry_delay(1, asked=60.0, rng=rng) == 60.0
