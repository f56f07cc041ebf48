"""From stored alerts to messages: once each, in groups, in hours, and what becomes of each try."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from cameras.schedules import Schedule
from detection.alert_life.models import StepKind
from detection.alert_life.services import add_step
from detection.core.notifications import LONGEST_RETRY_AFTER_S
from detection.models import Alert
from detection.notifying import planning, services
from detection.notifying.models import Channel, Delivery, NotificationCursor
from detection.notifying.services import Outcome
from detection.notifying.worker import Notifier
from tests.detection.alerts import make_alert
from tests.detection.notifications import NOW, Hub, make_channel, make_rule
from tests.rows import make_all, make_site

pytestmark = pytest.mark.django_db

RETRY = Outcome("retry", "The receiver failed: 503", 503)


def states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def ids(body: dict[str, Any]) -> list[str]:
    return [alert["event_id"] for alert in body["alerts"]]


def test_an_alert_is_told_once_by_each_rule_and_channel() -> None:
    make_all()
    one, two = make_channel("One"), make_channel("Two")
    make_rule(one, two, name="A")
    make_rule(one, name="B")
    hub = Hub()
    make_alert("e1")
    assert len(hub.turn()) == 3
    assert hub.turn() == []
    rules = {message.body["rule"] for channel, message in hub.sent if channel.pk == one.pk}
    assert rules == {"A", "B"}
    assert set(states()) == {"delivered"}
    assert len({(c.pk, m.key) for c, m in hub.sent}) == 3


def test_going_over_the_same_alerts_again_makes_no_second_row() -> None:
    make_all()
    rule = make_rule(channel := make_channel())
    hub = Hub()
    alert = make_alert("e1")
    hub.turn()
    NotificationCursor.objects.update(position=0)  # as after a restored backup of the cursor alone
    assert hub.turn() == []
    assert Delivery.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.create(alert=alert, rule=rule, channel=channel, key="another")


def test_what_was_stored_before_is_not_told() -> None:
    make_all()
    make_rule(make_channel())
    make_alert("old")
    hub = Hub()
    make_alert("new")
    assert [ids(m.body) for m in hub.turn()] == [["new"]]


def test_a_number_that_is_committed_late_is_not_skipped() -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub()
    first = make_alert("e1")
    Alert.objects.create(id=first.pk + 3, **_values("e4"))
    assert [ids(m.body) for m in hub.turn()] == [["e1"], ["e4"]]
    Alert.objects.create(id=first.pk + 1, **_values("e2"))
    assert [ids(m.body) for m in hub.turn(after_s=5)] == [["e2"]]
    hub.turn(after_s=planning.GAP_SECONDS + 1)
    make_alert("e5")
    hub.turn()
    assert NotificationCursor.objects.get(name="alerts").gaps == []


def _values(event_id: str) -> dict[str, Any]:
    return {
        "event_id": event_id, "device_id": "box-1", "camera_id": "vid1", "roi_id": "roi-1", "bind_id": "bind-1",
        "algo_code": "intrusion", "phase": "started", "severity": "warning", "timestamp": NOW,
    }  # fmt: skip


def test_a_kill_in_the_middle_of_planning_keeps_or_repeats_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub()
    make_alert("e1")

    def die(*args: Any, **options: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(planning, "deliver", die)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            planning.plan(now=NOW)
    assert [ids(m.body) for m in hub.turn()] == [["e1"]]


def test_rules_pick_by_site_camera_algorithm_and_severity() -> None:
    device, other = make_all(), make_all("box-2", site="Warehouse", number=2)
    channel = make_channel()
    make_rule(channel, name="site", site=device.site)
    make_rule(channel, name="camera", site=other.site, camera=other.cameras.get())
    make_rule(channel, name="algorithm", algo_code="loitering")
    make_rule(channel, name="severity", min_severity="critical")
    make_rule(channel, name="off", enabled=False)
    hub = Hub()
    make_alert("e1")
    make_alert("e2", device_id="box-2", camera_id="vid2", severity="critical")
    make_alert("e3", algo_code="loitering", severity="info")
    make_alert("e4", phase="ended", state="resolved")
    told = sorted((m.body["rule"], *ids(m.body)) for m in hub.turn())
    assert told == [("algorithm", "e3"), ("camera", "e2"), ("severity", "e2"), ("site", "e1"), ("site", "e3")]


def test_a_channel_of_a_site_carries_no_other_sites_alerts() -> None:
    """Whoever sees the channel sees this site only; a rule without a site must not show them the others."""
    device = make_all()
    make_all("box-2", site="Warehouse", number=2)
    make_rule(make_channel(site=device.site))
    hub = Hub()
    make_alert("mine")
    make_alert("theirs", device_id="box-2", camera_id="vid2")
    assert [ids(m.body) for m in hub.turn()] == [["mine"]]


def test_a_burst_is_one_message_at_once_and_one_for_the_rest() -> None:
    make_all()
    make_rule(make_channel(), group_s=60)
    hub = Hub()
    make_alert("e0")
    assert [ids(m.body) for m in hub.turn()] == [["e0"]]
    for n in range(1, 4):
        make_alert(f"e{n}")
        assert hub.turn(after_s=10) == []
    (digest,) = hub.turn(after_s=31)
    assert (digest.body["type"], digest.body["count"], ids(digest.body)) == ("alerts", 3, ["e1", "e2", "e3"])
    assert states() == ["delivered"] * 4
    make_alert("e4")
    assert hub.turn(after_s=1) == []  # it goes on: the next message comes when this window ends
    assert [ids(m.body) for m in hub.turn(after_s=60)] == [["e4"]]
    make_alert("e5")
    assert [ids(m.body) for m in hub.turn(after_s=61)] == [["e5"]]  # quiet meanwhile: at once again


def test_a_large_burst_is_one_bounded_message() -> None:
    make_all()
    make_rule(make_channel(), group_s=60)
    hub = Hub()
    for n in range(130):
        make_alert(f"e{n}")
    assert len(hub.turn()) == 1
    (digest,) = hub.turn(after_s=61)
    assert (digest.body["count"], len(digest.body["alerts"]), digest.more) == (129, 50, 79)


def _night_only(out_of_hours: str) -> Hub:
    device = make_all()
    weekly = [{"day": "sun", "start": "22:00", "end": "24:00"}]
    schedule = Schedule.objects.create(schedule_id="night", site=device.site, weekly=weekly)
    make_rule(make_channel(), site=device.site, schedule=schedule, out_of_hours=out_of_hours)
    return Hub()


def test_outside_its_hours_a_rule_says_nothing() -> None:
    hub = _night_only("silent")
    make_alert("noon", timestamp=NOW)
    make_alert("night", timestamp=NOW + timedelta(hours=11))
    assert [ids(m.body) for m in hub.turn()] == [["night"]]
    assert hub.turn(after_s=86_400) == []


def test_or_it_tells_when_the_hours_begin() -> None:
    hub = _night_only("hold")
    make_alert("e1", timestamp=NOW)
    make_alert("e2", timestamp=NOW)
    assert hub.turn(after_s=9 * 3600) == []
    assert [ids(m.body) for m in hub.turn(after_s=3601)] == [["e1", "e2"]]


def test_a_failure_is_tried_again_later_under_the_same_key() -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub(RETRY, RETRY)
    make_alert("e1")
    (first,) = hub.turn()
    assert hub.turn(after_s=1) == []
    (second,) = hub.turn(after_s=5)
    assert second.key == first.key
    assert states() == ["waiting"]
    (third,) = hub.turn(after_s=11)
    assert (third.key, states()) == (first.key, ["delivered"])
    assert Delivery.objects.get().tries == 3
    assert Channel.objects.get().problem == ""


def test_after_the_last_try_it_is_a_dead_letter_and_can_be_sent_again() -> None:
    make_all()
    make_rule(make_channel(), group_s=60)
    hub = Hub(Outcome("delivered"), *[RETRY] * services.MOST_TRIES)
    for n in range(4):
        make_alert(f"e{n}")
    hub.turn()
    for _ in range(services.MOST_TRIES):
        hub.turn(after_s=1000)
    assert states() == ["delivered", "dead", "dead", "dead"]
    assert hub.turn(after_s=10_000) == []
    key = hub.sent[-1][1].key
    assert services.replay(Delivery.objects.filter(alert__event_id="e3"), author="a", now=hub.now) == 1
    (again,) = hub.turn()
    assert (again.key, ids(again.body)) == (key, ["e1", "e2", "e3"])
    assert states() == ["delivered"] * 4


def test_retry_after_is_kept_to() -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub(Outcome("retry", "busy", 429, 600.0), Outcome("retry", "busy", 429, LONGEST_RETRY_AFTER_S))
    make_alert("e1")
    hub.turn()
    assert hub.turn(after_s=599) == []
    assert len(hub.turn(after_s=2)) == 1


def test_gone_disables_the_channel_and_gives_up_what_waits() -> None:
    make_all()
    channel = make_channel()
    make_rule(channel)
    make_rule(channel, name="Grouped", group_s=60)
    hub = Hub(Outcome("disable", "gone (410)", 410))
    make_alert("e1")
    make_alert("e2")
    hub.turn()
    channel.refresh_from_db()
    assert (channel.enabled, channel.disabled_reason) == (False, "gone (410)")
    hub.turn()
    assert states() == ["dead"] * 4
    assert len(hub.sent) == 1
    make_alert("e3")
    assert hub.turn() == []
    assert Delivery.objects.count() == 4


def test_one_channel_that_hangs_holds_up_no_other() -> None:
    make_all()
    slow, quick = make_channel("Slow"), make_channel("Quick")
    make_rule(slow, quick)
    hub = Hub()
    make_alert("e1")
    make_alert("e2")
    hub.notifier.plan_step()
    hub.notifier._busy.add(slow.pk)  # one of its messages is under way
    hub.turn()
    assert [channel.name for channel, _ in hub.sent] == ["Quick", "Quick"]
    hub.notifier._busy.clear()
    hub.turn()
    assert [channel.name for channel, _ in hub.sent][2:] == ["Slow", "Slow"]


def test_the_hubs_end_waits_for_no_receiver_and_loses_nothing() -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub()
    make_alert("e1")
    hub.notifier.plan_step()
    over, stop = threading.Event(), threading.Event()

    def hang(channel: Channel, message: Any) -> Outcome:
        stop.set()
        over.wait(20)
        return Outcome("delivered")

    Notifier(stop, send=hang, clock=lambda: NOW).send_step()
    over.set()
    assert states() == ["waiting"]
    assert len(hub.turn()) == 1


def test_a_try_that_never_ended_is_repeated_when_its_lease_is_over() -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub()
    make_alert("e1")
    hub.notifier.plan_step()
    lost = services.claim_next(now=hub.now)
    assert lost is not None
    assert services.claim_next(now=hub.now) is None
    assert hub.turn(after_s=100) == []
    (again,) = hub.turn(after_s=30)
    assert again.key == lost.key
    assert not services.finish(lost, Outcome("dead", "late"), now=hub.now, took_ms=1)  # the late one counts no more
    assert states() == ["delivered"]


def test_an_alert_that_is_gone_and_a_defect_stop_nobody() -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub()
    make_alert("e1")
    make_alert("e2")
    hub.notifier.plan_step()
    Alert.objects.filter(event_id="e1").delete()
    assert [ids(m.body) for m in hub.turn()] == [["e2"]]
    assert states() == ["dead", "delivered"]

    def broken(channel: Channel, message: Any) -> Outcome:
        raise ValueError("a defect")

    hub.notifier.send = broken
    make_alert("e3")
    hub.turn()
    assert Delivery.objects.get(alert__event_id="e3").state == "waiting"


def test_a_lost_key_holds_up_planning_of_nobody(settings: Any) -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub()
    make_alert("e1")
    keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    assert hub.turn() == []
    assert Delivery.objects.get().problem == "The channel's secret cannot be decrypted"
    settings.FIELD_ENCRYPTION_KEYS = keys
    assert len(hub.turn(after_s=10)) == 1


def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    make_all()
    make_rule(make_channel())
    hub = Hub()
    for n in range(10):
        make_alert(f"e{n}")
    hub.turn()
    monkeypatch.setattr(services, "MOST_KEPT", 4)
    assert services.prune(now=hub.now) == 6
    assert Delivery.objects.count() == 4
    assert services.prune(now=hub.now) == 0
    assert services.prune(now=hub.now + timedelta(days=31)) == 4


def test_secrets_are_encrypted_at_rest() -> None:
    from django.db import connection

    make_channel(url="https://hooks.example/T0KEN")
    with connection.cursor() as cursor:
        cursor.execute("SELECT url, secret FROM detection_channel")
        row = cursor.fetchone()
    assert all(value.startswith("gAAAA") for value in row)


def test_times_are_told_in_the_sites_zone_and_links_lead_to_the_hub(settings: Any) -> None:
    settings.PUBLIC_URL = "https://hub.example.org"
    make_site("Kitchen", time_zone="Asia/Shanghai")
    make_all()
    make_rule(make_channel())
    hub = Hub()
    alert = make_alert(
        "e1", timestamp=datetime(2026, 11, 22, 12, 0, tzinfo=UTC), capture="captures/a.jpg", capture_ready=True
    )
    (message,) = hub.turn()
    (told,) = message.body["alerts"]
    assert told["url"] == f"https://hub.example.org/admin/detection/alert/{alert.pk}/change/"
    assert told["capture_url"] == "https://hub.example.org/api/media/captures/a.jpg"
    assert (told["site"], told["time_zone"], told["camera_name"]) == ("Kitchen", "Asia/Shanghai", "Line 1")
    (line,) = message.lines
    assert line.when == "2026-11-22 20:00:00 Asia/Shanghai"
    assert line.where == "Kitchen · Line 1 · Door 1"


def test_steps_are_told_by_rules_that_want_them_once_and_apart_from_alerts() -> None:
    make_all()
    make_rule(make_channel("Both"), name="Both", tell_resolved=True, group_s=60)
    make_rule(make_channel("None"), name="None", tell_escalated=False)
    hub = Hub()
    alerts = [make_alert(f"e{n}") for n in range(3)]
    hub.turn()
    hub.turn(after_s=300)
    for alert in alerts:
        add_step(alert, StepKind.ACKNOWLEDGED, author="ann", now=hub.now)
        add_step(alert, StepKind.ESCALATED, author="", now=hub.now)
    add_step(alerts[0], StepKind.RESOLVED, author="ann", now=hub.now)
    told = [(m.body["rule"], m.body["step"], ids(m.body)) for m in hub.turn()]
    assert sorted(told) == [("Both", "escalated", ["e0"]), ("Both", "resolved", ["e0"])]
    (rest,) = hub.turn(after_s=61)
    assert (rest.body["step"], ids(rest.body)) == ("escalated", ["e1", "e2"])
    assert rest.subject == "Nobody acknowledged in time: 2 more alerts: Both"
    NotificationCursor.objects.update(position=0)
    assert hub.turn(after_s=300) == []
