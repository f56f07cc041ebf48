"""Life of an alert: allowed transitions only, one winner, every step told with who and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import Error as DatabaseProblem
from django.db import connection, transaction

from cameras.models import Site
from detection.alert_life import many, services, telling
from detection.alert_life.errors import (
    AlertLifeError,
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    UnknownAlertError,
)
from detection.alert_life.models import AlertStep, StepError
from detection.alert_life.selectors import assignable_people
from detection.models import Alert
from edgesite.tokens import create_token
from tests.detection.calls import two_sites
from tests.rows import make_person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def sites() -> list[Site]:
    return two_sites()


@pytest.fixture
def kim(sites: list[Site]) -> Any:
    return make_person("kim", "operator")


def told(event_id: str = "e1") -> list[tuple[str, str, str, dict[str, Any]]]:
    steps = AlertStep.objects.filter(event_id=event_id)
    return [(s.kind, s.author, s.note, s.details) for s in steps]


def test_from_open_to_resolved_with_who_and_when(kim: Any) -> None:
    later = NOON + timedelta(minutes=5)
    alert = services.acknowledge(event_id="e1", user=kim, now=NOON, note=" on my way\r\n")
    assert (alert.state, alert.acknowledged_by, alert.acknowledged_at) == ("acknowledged", "kim", NOON)
    services.assign(event_id="e1", user=kim, now=NOON, assignee="kim")
    services.add_note(event_id="e1", user=kim, now=NOON, note="a\tcat")
    alert = services.resolve(event_id="e1", user=kim, now=later, verdict="false", reason="a cat", note="shoo")
    assert (alert.state, alert.resolved_by, alert.resolved_at) == ("resolved", "kim", later)
    assert (alert.verdict, alert.verdict_reason, alert.assignee) == ("false", "a cat", "kim")
    assert told() == [
        ("acknowledged", "kim", "on my way", {}),
        ("assigned", "kim", "", {"assignee": "kim"}),
        ("noted", "kim", "a\tcat", {}),
        ("resolved", "kim", "shoo", {"verdict": "false", "reason": "a cat"}),
    ]
    assert [s.at for s in AlertStep.objects.all()] == [NOON, NOON, NOON, later]
    assert Alert.objects.get(event_id="e2").state == "open"


def test_only_allowed_transitions_and_the_loser_learns_who_did_what(kim: Any) -> None:
    lee = make_person("lee", "operator")
    with pytest.raises(ConflictError, match=r"^The alert is open: acknowledge it before you resolve it\.$"):
        services.resolve(event_id="e1", user=kim, now=NOON)
    services.acknowledge(event_id="e1", user=kim, now=NOON)
    with pytest.raises(ConflictError, match=r"^The alert was acknowledged by kim at 2026-11-22T12:00:00Z\.$"):
        services.acknowledge(event_id="e1", user=lee, now=NOON + timedelta(seconds=1))
    services.resolve(event_id="e1", user=lee, now=NOON + timedelta(seconds=2))
    for act in (services.acknowledge, services.resolve):
        with pytest.raises(ConflictError, match=r"^The alert was resolved by lee at 2026-11-22T12:00:02Z\.$"):
            act(event_id="e1", user=kim, now=NOON + timedelta(seconds=3))
    with pytest.raises(ConflictError, match="was resolved by lee"):
        services.assign(event_id="e1", user=kim, now=NOON, assignee="kim")
    services.add_note(event_id="e1", user=kim, now=NOON, note="a remark is possible in any state")
    assert [kind for kind, *_ in told()] == ["acknowledged", "resolved", "noted"]
    assert Alert.objects.get(event_id="e1").resolved_by == "lee"


def test_who_read_before_the_other_wrote_loses_too(kim: Any) -> None:
    """The row that the page showed says *open*, the database no more."""
    stale = Alert.objects.get(event_id="e1")
    services.acknowledge(event_id="e1", user=kim, now=NOON)
    lee = make_person("lee", "operator")
    assert stale.state == "open"
    with pytest.raises(ConflictError, match="acknowledged by kim"):
        services.acknowledge_all([stale], lee, NOON, "")
    assert Alert.objects.get(event_id="e1").acknowledged_by == "kim"
    assert [author for _, author, *_ in told()] == ["kim"]


def test_resolving_an_open_alert_in_one_go_is_two_steps(kim: Any) -> None:
    alert = services.resolve(event_id="e1", user=kim, now=NOON, verdict="true", from_open=True)
    assert (alert.state, alert.acknowledged_by, alert.resolved_by) == ("resolved", "kim", "kim")
    assert [kind for kind, *_ in told()] == ["acknowledged", "resolved"]


def test_a_failed_step_leaves_nothing_behind(kim: Any) -> None:
    services.resolve(event_id="e1", user=kim, now=NOON, from_open=True)
    before = told()
    with pytest.raises(ConflictError):
        services.resolve(event_id="e1", user=kim, now=NOON, from_open=True)
    with pytest.raises(InvalidInputError):
        services.assign(event_id="e2", user=kim, now=NOON, assignee="a stranger")
    assert (told(), told("e2")) == (before, [])


def test_who_may_act(kim: Any, sites: list[Site]) -> None:
    viewer, of_kitchen = make_person("viewer", "viewer"), make_person("cook", "operator", sites=[sites[0]])
    with pytest.raises(NotAllowedError):
        services.acknowledge(event_id="e1", user=viewer, now=NOON)
    with pytest.raises(NotAllowedError):
        many.acknowledge_many(event_ids=["e1"], user=viewer, now=NOON)
    with pytest.raises(UnknownAlertError):
        services.acknowledge(event_id="e2", user=of_kitchen, now=NOON)
    with pytest.raises(UnknownAlertError):
        services.add_note(event_id="no such", user=kim, now=NOON, note="x")
    services.acknowledge(event_id="e1", user=of_kitchen, now=NOON)
    assert Alert.objects.get(event_id="e2").state == "open"


def test_alerts_are_given_only_to_those_who_see_them_and_may_act(kim: Any, sites: list[Site]) -> None:
    make_person("viewer", "viewer")
    make_person("cook", "operator", sites=[sites[0]])
    make_person("guard", "operator", sites=[sites[1]])
    make_person("root", superuser=True)
    make_person("gone", "operator").__class__.objects.filter(username="gone").update(is_active=False)
    create_token(name="scada", role="operator")
    names = set(assignable_people(Alert.objects.get(event_id="e1")).values_list("username", flat=True))
    assert names == {"kim", "cook", "root"}
    for name in ("guard", "viewer", "gone", "token:scada"):
        with pytest.raises(InvalidInputError, match="nobody who may act"):
            services.assign(event_id="e1", user=kim, now=NOON, assignee=name)
    services.assign(event_id="e1", user=kim, now=NOON, assignee="cook")
    assert services.assign(event_id="e1", user=kim, now=NOON, assignee="").assignee == ""


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"note": "x" * 2001}, "`note` has more than 2000 characters."),
        ({"note": "nul \x00 in it"}, "`note` holds a control character."),
        ({"note": "\x1b[31mred"}, "`note` holds a control character."),
        ({"note": "half \ud800"}, "`note` holds a control character."),
        ({"reason": "x" * 501}, "`reason` has more than 500 characters."),
        ({"reason": "two\nlines"}, "`reason` holds a control character."),
        ({"verdict": "maybe"}, "`verdict` is `true`, `false` or empty."),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(kim: Any, given: dict[str, Any], problem: str) -> None:
    services.acknowledge(event_id="e1", user=kim, now=NOON)
    with pytest.raises(InvalidInputError) as refused:
        services.resolve(event_id="e1", user=kim, now=NOON, **given)
    assert str(refused.value) == problem
    assert Alert.objects.get(event_id="e1").state == "acknowledged"


def test_the_longest_note_is_kept_whole(kim: Any) -> None:
    services.add_note(event_id="e1", user=kim, now=NOON, note="名" * 2000)
    assert AlertStep.objects.get().note == "名" * 2000
    with pytest.raises(InvalidInputError, match="`note` is empty"):
        services.add_note(event_id="e1", user=kim, now=NOON, note="  \n")


def test_many_at_once_each_by_itself(kim: Any) -> None:
    lee = make_person("lee", "operator")
    services.acknowledge(event_id="e1", user=lee, now=NOON)
    outcome = many.acknowledge_many(event_ids=["e1", "e2", "nowhere", "e2"], user=kim, now=NOON, note="seen")
    assert outcome.done == ["e2"]
    assert [(event_id, str(error)) for event_id, error in outcome.failed] == [
        ("e1", "The alert was acknowledged by lee at 2026-11-22T12:00:00Z."),
        ("nowhere", "There is no such alert."),
    ]
    outcome = many.resolve_many(event_ids=["e1", "e2"], user=kim, now=NOON, verdict="true")
    assert outcome.done == ["e1", "e2"]
    assert told("e2") == [("acknowledged", "kim", "seen", {}), ("resolved", "kim", "", {"verdict": "true"})]


def test_steps_are_only_ever_added(kim: Any) -> None:
    services.acknowledge(event_id="e1", user=kim, now=NOON)
    step = AlertStep.objects.get()
    step.note = "otherwise"
    for change in (step.save, step.delete, AlertStep.objects.all().delete):
        with pytest.raises(StepError):
            change()
    with pytest.raises(StepError):
        AlertStep.objects.update(note="otherwise")
    with pytest.raises(DatabaseProblem, match="never change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE detection_alertstep SET note = 'otherwise'")


def test_pages_are_told_after_the_commit_and_only_of_what_was_done(
    kim: Any, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    hints: list[list[str]] = []
    monkeypatch.setattr(telling, "tell", hints.append)
    with django_capture_on_commit_callbacks(execute=True):
        services.acknowledge(event_id="e1", user=kim, now=NOON)
        assert hints == []
    assert hints == [["e1"]]
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(AlertLifeError):
        services.acknowledge(event_id="e1", user=kim, now=NOON)
    with django_capture_on_commit_callbacks(execute=True):
        many.acknowledge_many(event_ids=["e1", "e2"], user=kim, now=NOON)
    assert hints == [["e1"], ["e2"]]


def test_a_channel_layer_that_is_away_stops_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            raise ConnectionError("gone")

    assert get_channel_layer() is not None
    monkeypatch.setattr(telling, "get_channel_layer", Away)
    telling.tell(["e1"])
