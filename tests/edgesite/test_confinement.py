from __future__ import annotations

import pytest

from edgesite.confinement import LiveChannels, acl_rules, live_channels


@pytest.mark.parametrize(
    ("url", "stats"),
    [
        ("redis://127.0.0.1:6379/0", "hbd:stats"),
        ("redis://hub:secret@redis.example.org/0", "hbd:stats"),
        ("redis://:secret@redis.example.org/0", "hbd:stats"),
        ("redis://device-box-1:secret@redis.example.org/0", "hbd:stats:box-1"),
        ("rediss://device%2Dbox-1:secret@redis.example.org/0", "hbd:stats:box-1"),
        ("unix:///run/redis.sock", "hbd:stats"),
    ],
)
def test_a_box_with_a_user_of_its_own_publishes_on_its_own_channels(url: str, stats: str) -> None:
    assert live_channels(device_id="box-1", redis_url=url) == LiveChannels(stats, stats.replace("stats", "events"))


def test_the_rules_name_nobody_elses_keys_and_choose_a_database_only_where_there_is_one() -> None:
    rules = acl_rules(device_id="box-1", password_hash="0" * 64)
    keys = [word.rstrip(")") for rule in rules for word in rule.split() if "~" in word]
    own = [key for key in keys if "device:box-1:" in key]
    assert set(keys) - set(own) == {"%R~device_config_stream"}
    assert not [rule for rule in rules if "select" in rule or ("@all" in rule and rule != "-@all")]
    assert "+select|3" in acl_rules(device_id="box-1", password_hash="0" * 64, database=3)
