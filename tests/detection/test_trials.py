"""Test alerts: asked for, followed, told of, and the alarm when one does not come out."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Device, DeviceStatus
from detection.hub.store import store_event
from detection.models import Alert
from detection.notifying import trials
from detection.notifying.models import Delivery
from detection.notifying.services import Outcome
from detection.notifying.trial_models import TrialAlert
from detection.notifying.watching import notification_metrics, trial_warning
from detection.trials import Trials
from edgesite.commands import Command, parse_command
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.outbox import Outbox
from tests.cameras.pages import browser, path, text, visible
from tests.detection.notifications import NOW, Hub, make_channel, make_rule
from tests.fakes import FakeRedis
from tests.rows import make_all, make_person

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def make_box(device_id: str = "box-1", *, able: bool = True, number: int = 1, site: str = "Kitchen") -> Device:
    device = make_all(device_id, site=site, number=number)
    DeviceStatus.objects.create(device=device, reported_at=NOW, health={"test_alerts": True} if able else {})
    return device


class Box:
    """The box's end: what the hub's commands make it put into its outbox."""

    def __init__(self, folder: Path, redis: FakeRedis, device_id: str = "box-1") -> None:
        self.redis, self.device_id, self.done = redis, device_id, 0
        self.database = EdgeDatabase(folder / f"{device_id}.sqlite3")
        self.outbox = Outbox(self.database)

    def commands(self) -> list[Command]:
        return [parse_command(fields) for _, fields in self.redis.streams.get(f"device:{self.device_id}:commands", [])]

    def answer(self) -> list[dict[str, str]]:
        """Obeys what is new; the events that go to the hub."""
        for command in self.commands()[self.done :]:
            Trials(self.device_id, self.outbox, clock=lambda: 5.0).obey(command, 60.0)
            self.done += 1
        rows = self.outbox.head("", 100)
        self.outbox.confirm([row.event_id for row in rows])
        return [{"event_id": r.event_id, "kind": r.kind, "body": r.body} for r in rows]


@pytest.fixture
def redis() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def box(tmp_path: Path, redis: FakeRedis) -> Any:
    one = Box(tmp_path, redis)
    yield one
    one.database.close()


def test_the_whole_way_of_a_test_alert(box: Box, redis: FakeRedis, settings: Any) -> None:
    make_box()
    make_rule(make_channel("Watched"), test_alerts=True, min_severity="critical", group_s=60)
    make_rule(make_channel("People"))
    hub = Hub()
    hub.now = timezone.now()  # that of ingest
    trials.step(client=redis.client(), now=hub.now)
    (command,) = box.commands()
    assert (command.kind, TrialAlert.objects.get().state) == ("trial", "asked")
    (event,) = box.answer()
    assert event["kind"] == "trial"
    assert store_event(event, device_id="box-1") is None
    assert TrialAlert.objects.get().state == "arrived"
    (message,) = hub.turn(after_s=5)
    assert (message.body["type"], message.body["device_id"], message.body["ok"]) == ("test_alert", "box-1", True)
    assert hub.sent[0][0].name == "Watched"
    trials.step(client=redis.client(), now=hub.now)
    trial = TrialAlert.objects.get()
    assert (trial.state, trial.told, trial.problem) == ("passed", 1, "")
    assert Alert.objects.count() == 0  # nothing that counts alerts can count it
    assert hub.turn() == []


def test_each_box_is_asked_so_often_and_one_at_a_time(redis: FakeRedis, settings: Any) -> None:
    make_box()
    make_box("box-2", able=False, number=2)
    make_box("box-3", number=3)
    Device.objects.filter(pk="box-3").update(revoked_at=NOW)
    for minute in range(125):
        trials.step(client=redis.client(), now=NOW + timedelta(minutes=minute))
    assert list(TrialAlert.objects.values_list("device_id", flat=True)) == ["box-1"] * 3
    device = Device.objects.get(pk="box-1")
    assert trials.ask(device, client=redis.client(), now=NOW + 5 * HOUR) is not None
    assert trials.ask(device, client=redis.client(), now=NOW + 5 * HOUR) is None
    settings.TEST_ALERT_MINUTES = 0
    count = TrialAlert.objects.count()
    trials.step(client=redis.client(), now=NOW + timedelta(days=2))
    assert TrialAlert.objects.count() == count


def test_one_that_does_not_come_raises_the_alarm_once_and_says_when_it_is_over(box: Box, redis: FakeRedis) -> None:
    device = make_box()
    make_rule(make_channel("People"))
    hub = Hub()
    hub.now = timezone.now()  # that of ingest
    for _ in range(3):  # silent for three hours
        trials.step(client=redis.client(), now=hub.now)
        hub.now += timedelta(seconds=121)
        trials.step(client=redis.client(), now=hub.now)
        hub.turn(after_s=3600)
    assert [(m.body["type"], m.body["ok"]) for _, m in hub.sent] == [("test_alert_problem", False)]
    assert "its test alert did not come out" in hub.sent[0][1].subject
    assert hub.sent[0][1].intro == "Nothing came from the box in time; its alerts do not come either"
    assert TrialAlert.objects.filter(state="failed").count() == 3
    assert "1 device(s)" in trial_warning()
    box.done = len(box.commands())
    trials.step(client=redis.client(), now=hub.now)
    for event in box.answer():
        store_event(event, device_id="box-1")
    trials.step(client=redis.client(), now=hub.now)
    (good,) = hub.turn()
    assert (good.body["ok"], good.subject) == (True, f"Test alerts of {device} (Kitchen) come out again")
    assert trial_warning() == ""


def test_a_channel_that_does_not_deliver_it_is_told_of_by_the_others(box: Box, redis: FakeRedis) -> None:
    make_box()
    broken, fine = make_channel("Broken"), make_channel("Fine")
    make_rule(broken, name="Watched", test_alerts=True)
    make_rule(broken, fine, name="Rest")
    hub = Hub(Outcome("dead", "The receiver refused the message: 404", 404))
    hub.now = timezone.now()  # that of ingest
    trials.step(client=redis.client(), now=hub.now)
    for event in box.answer():
        store_event(event, device_id="box-1")
    hub.turn(after_s=5)
    trials.step(client=redis.client(), now=hub.now)
    trial = TrialAlert.objects.get()
    assert (trial.state, trial.problem) == ("failed", "It reached the hub, but this channel did not deliver it: Broken")
    hub.turn()
    assert [(c.name, m.body["type"]) for c, m in hub.sent] == [("Broken", "test_alert"), ("Fine", "test_alert_problem")]


def test_a_slow_channel_is_waited_for_up_to_the_deadline(box: Box, redis: FakeRedis) -> None:
    make_box()
    make_rule(make_channel(), test_alerts=True)
    hub = Hub(*[Outcome("retry", "The receiver failed: 503", 503)] * 20)
    hub.now = timezone.now()  # that of ingest
    trials.step(client=redis.client(), now=hub.now)
    for event in box.answer():
        store_event(event, device_id="box-1")
    hub.turn()
    trials.step(client=redis.client(), now=hub.now + timedelta(seconds=119))
    assert TrialAlert.objects.get().state == "arrived"
    trials.step(client=redis.client(), now=hub.now + timedelta(seconds=121))
    assert TrialAlert.objects.get().state == "failed"


def test_what_nobody_asked_for_changes_nothing(box: Box, redis: FakeRedis) -> None:
    make_box()
    make_box("box-2", number=2)
    hub = Hub()
    trials.step(client=redis.client(), now=hub.now)
    (event,) = box.answer()
    foreign = event | {"body": json.dumps(json.loads(event["body"]) | {"device_id": "box-2"})}
    assert store_event(foreign, device_id="box-2") is None
    assert TrialAlert.objects.get(device="box-1").state == "asked"  # another box answers for it
    store_event(event, device_id="box-1")
    store_event(event, device_id="box-1")
    assert Delivery.objects.count() == 0
    assert TrialAlert.objects.get(device="box-1").state == "arrived"
    hub.now += timedelta(days=1)
    trials.step(client=redis.client(), now=hub.now)
    store_event(event, device_id="box-1")
    assert TrialAlert.objects.filter(device="box-1", state="passed").count() == 1


def test_a_redis_that_is_away_is_found_out_by_the_deadline(redis: FakeRedis) -> None:
    make_box()
    redis.down = True
    trials.step(client=redis.client(), now=NOW)
    trials.step(client=redis.client(), now=NOW + timedelta(seconds=121))
    assert TrialAlert.objects.order_by("id").first().state == "failed"  # type: ignore[union-attr]


def test_a_disk_that_is_full_lets_nothing_out(box: Box, redis: FakeRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    make_box()
    trials.step(client=redis.client(), now=NOW)

    def full(*arguments: Any, **options: Any) -> None:
        raise EdgeStoreError("database or disk is full", retryable=True)

    monkeypatch.setattr(Outbox, "add_alerts", full)
    Trials("box-1", box.outbox).obey(box.commands()[0], 60.0)  # logged, and nothing more: no exception
    assert TrialAlert.objects.get().state == "asked"


def test_the_metrics_tell_each_person_of_their_devices() -> None:
    device, other = make_box(), make_box("box-2", number=2, site="Warehouse")
    for row, state in ((device, "failed"), (other, "passed")):
        TrialAlert.objects.create(device=row, state=state, asked_at=NOW, deadline=NOW, ended_at=timezone.now())
    person = make_person("ann", "operator", sites=[device.site])
    (good,) = [f for f in notification_metrics(person) if f.name == "edgesite_test_alert_ok"]
    assert [(s.labels["device_id"], s.value) for s in good.samples] == [("box-1", 0.0)]


def test_the_page_says_what_it_shows_and_asks_again(monkeypatch: pytest.MonkeyPatch, redis: FakeRedis) -> None:
    from detection.notifying.admin import trials as page

    client = browser("admin")
    assert "every 60 minutes" in visible(client, path(TrialAlert))
    device, other = make_box(), make_box("box-2", number=2, site="Warehouse")
    TrialAlert.objects.create(
        device=device, state="failed", asked_at=NOW, deadline=NOW, ended_at=NOW, problem=trials.NOTHING_CAME
    )
    seen = visible(client, path(TrialAlert))
    assert "Did not come out: Nothing came from the box in time" in seen
    assert "Test alerts missing" in visible(client, "/admin/")
    monkeypatch.setattr(page, "cloud_redis", lambda url: redis.client())
    answer = client.post(path(TrialAlert) + "box-1/ask/", follow=True)
    assert "The box was asked." in text(answer)
    answer = client.post(path(TrialAlert) + "box-1/ask/", follow=True)
    assert "on its way already" in text(answer)
    limited = browser("operator", sites=[other.site])
    assert "box-1" not in visible(limited, path(TrialAlert))
    assert limited.post(path(TrialAlert) + "box-1/ask/").status_code == 404
    assert limited.post(path(TrialAlert) + "box-2/ask/").status_code == 403
