"""The table of invalid input (docs/alerts.md, "What is refused"): each wrong call or message with its exact answer.

Over HTTP the answer is status and body. A device's message is answered on its stream of confirmations, once and for good.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from cameras.models import Device
from detection.hub.ingest import Ingest
from detection.models import Alert
from edgesite.tokens import create_token
from tests.detection.alerts import AT, alert_body, entry, evidence_body, make_alert
from tests.detection.calls import caller, two_sites
from tests.fakes import FakeRedis
from tests.recordings.uploads import TOKEN, give_token, use_files

pytestmark = pytest.mark.django_db

Answer = tuple[int, Any]
UNKNOWN = (404, "There is no such alert.")
OF_KIM = (409, "The alert was acknowledged by kim at 2026-11-22T08:30:05Z.")
OF_LEE = (409, "The alert was resolved by lee at 2026-11-22T09:00:00Z.")
KIM = {"acknowledged_by": "kim", "acknowledged_at": "2026-11-22T08:30:05Z"}
LEE = {"resolved_by": "lee", "resolved_at": "2026-11-22T09:00:00Z"}


def control(name: str) -> Answer:
    return 422, f"`{name}` holds a control character."


@pytest.fixture
def operator() -> Client:
    """Of one site. e1: open; a1: acknowledged; r1: resolved; e2: of another site."""
    sites = two_sites()
    make_alert("a1", state="acknowledged", **KIM)
    make_alert("r1", state="resolved", **KIM, **LEE)
    return caller(sites=[sites[0]])


def stand() -> list[Any]:
    return list(Alert.objects.order_by("id").values("event_id", "state", "assignee", "verdict", "data"))


# What people and machines send


@pytest.mark.parametrize(
    ("event_id", "act", "body", "answer"),
    [
        # Wrong transition
        ("e1", "resolve", None, (409, "The alert is open: acknowledge it before you resolve it.")),
        ("a1", "ack", None, OF_KIM),
        ("r1", "ack", None, OF_LEE),
        ("r1", "resolve", {"verdict": "true"}, OF_LEE),
        ("r1", "assign", {"assignee": ""}, OF_LEE),
        # Foreign site: as if there were none
        ("e2", "ack", None, UNKNOWN),
        ("e2", "resolve", None, UNKNOWN),
        ("e2", "assign", {"assignee": ""}, UNKNOWN),
        ("e2", "note", {"note": "x"}, UNKNOWN),
        # Unknown event ID
        ("nowhere", "ack", None, UNKNOWN),
        ("nowhere", "resolve", None, UNKNOWN),
        ("nowhere", "assign", {"assignee": ""}, UNKNOWN),
        ("nowhere", "note", {"note": "x"}, UNKNOWN),
        ("x" * 5000, "ack", None, UNKNOWN),
        ("e1%00", "ack", None, UNKNOWN),
        ("..", "ack", None, UNKNOWN),
        # Oversized note and other text that cannot be kept
        ("e1", "ack", {"note": "x" * 2001}, (422, "`note` has more than 2000 characters.")),
        ("e1", "note", {"note": "x" * 1_000_000}, (422, "`note` has more than 2000 characters.")),
        ("e1", "note", {"note": " \n"}, (422, "`note` is empty.")),
        ("e1", "ack", {"note": "a\x07bell"}, control("note")),
        ("e1", "ack", {"note": "half \ud800"}, control("note")),
        ("a1", "resolve", {"reason": "x" * 501}, (422, "`reason` has more than 500 characters.")),
        ("a1", "resolve", {"reason": "two\nlines"}, control("reason")),
        ("e1", "assign", {"assignee": "x" * 151}, (422, "`assignee` has more than 150 characters.")),
        ("e1", "assign", {"assignee": "a\x00"}, control("assignee")),
        ("e1", "assign", {"assignee": "a stranger"}, (422, "`assignee` is nobody who may act on this alert.")),
    ],
)
def test_a_wrong_step_is_answered_and_changes_nothing(
    operator: Client, event_id: str, act: str, body: Any, answer: Answer
) -> None:
    before = stand()
    assert post(operator, event_id, act, body) == (answer[0], {"detail": answer[1]})
    assert stand() == before


def post(client: Client, event_id: str, act: str, body: Any = None, **headers: str) -> Answer:
    given = client.post(
        f"/api/alerts/{event_id}/{act}", "" if body is None else body, "application/json", headers=headers
    )
    return given.status_code, given.json()


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Bearer {good}x", "Basic YTpi", "{good}", ""])
@pytest.mark.parametrize("act", ["ack", "resolve", "assign", "note"])
def test_a_broken_token_is_answered_before_anything_is_looked_at(operator: Client, act: str, header: str) -> None:
    good = create_token(name="scada", role="operator")
    for event_id in ("e1", "nowhere"):
        answer = post(Client(), event_id, act, authorization=header.replace("{good}", good))
        assert answer == (401, {"detail": "Unauthorized"})


@pytest.mark.parametrize("act", ["ack", "resolve", "assign", "note"])
def test_a_role_that_may_only_look_learns_nothing_by_acting(operator: Client, act: str) -> None:
    viewer, body = caller("viewer"), {"note": "x", "assignee": ""}
    for event_id in ("e1", "nowhere"):
        assert post(viewer, event_id, act, body) == (403, {"detail": "Your role does not allow this."})


# Names that lead elsewhere

NO_MEDIA = (404, {"detail": "There is no such picture or recording, or it is not yours to see."})
NO_PATH = (400, {"detail": "The key must be a relative path without “..”."})
NOT_EXPECTED = (404, {"detail": "The hub expects no such object from this device, or not yet."})
NAMES = [
    ("captures/../../etc/passwd", NO_PATH),
    ("captures/%2e%2e/%2e%2e/etc/passwd", NO_PATH),
    ("captures//x.jpg", NO_PATH),
    ("/etc/passwd", NO_PATH),
    ("captures/a%00b.jpg", NO_PATH),
    ("captures/a%5C..%5Cb.jpg", NO_PATH),
    ("secret_key", NOT_EXPECTED),
    ("captures/20261122/vid2_e2.jpg", NOT_EXPECTED),
]


@pytest.mark.parametrize(("key", "upload"), NAMES)
def test_a_name_that_leads_elsewhere_gives_nothing_and_takes_nothing(
    operator: Client, settings: Any, tmp_path: Path, key: str, upload: Answer
) -> None:
    media = use_files(settings, tmp_path)
    (tmp_path / "secret_key").write_text("a secret")
    Alert.objects.filter(event_id="e2").update(capture="captures/20261122/vid2_e2.jpg", capture_ready=True)
    seen = operator.get(f"/api/media/{key}")
    assert (seen.status_code, seen.json()) == NO_MEDIA
    give_token(Device.objects.get(pk="box-1"))
    sent = Client().put(
        f"/api/device/objects/{key}", b"x", "application/octet-stream",
        headers={
            "authorization": f"Bearer {TOKEN}", "content-range": "bytes 0-0/1",
            "x-content-sha256": hashlib.sha256(b"x").hexdigest(),
        },
    )  # fmt: skip
    assert (sent.status_code, sent.json()) == upload
    assert (sorted(tmp_path.rglob("*.part")), media.exists()) == ([], False)


# What devices send

OTHERS = "captures/20261122/vid2_e2.jpg"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (entry(alert_body(camera_id="vid\x001")), "camera_id: Value error, holds a control character"),
        (entry(alert_body(roi_id="a\nb")), "roi_id: Value error, holds a control character"),
        (entry(alert_body(bind_id="\x1b[2J")), "bind_id: Value error, holds a control character"),
        (entry(alert_body(algo_code="a\x7f")), "algo_code: Value error, holds a control character"),
        (entry(alert_body("e\x7f1")), "event_id: Value error, holds a control character"),
        (entry(alert_body(capture="captures/a\rb.jpg")), "capture: Value error, holds a control character"),
        (entry(alert_body(capture="captures/../../etc/passwd")), "capture: Value error, is not a key below captures/"),
        (entry(alert_body(capture="/etc/passwd")), "capture: Value error, is not a key below captures/"),
        (entry(alert_body("n9", capture=OTHERS)), "the picture is that of another device's alert"),
        (entry(alert_body(device_id="box-2")), "device_id is not that of the stream"),
        (entry(alert_body(), event_id="other"), "event_id of the body and of the entry differ"),
        (entry(evidence_body(alert_id="nowhere")), "the alert that the evidence belongs to is unknown"),
        (entry(evidence_body(alert_id="e2")), "the alert that the evidence belongs to is unknown"),
        (entry(evidence_body(key="captures/20261122/other.jpg")), "the key is not the one that the alert promised"),
        (entry(evidence_body(key="captures/../x.jpg")), "key: Value error, is not a key below captures/"),
        (entry("no JSON", kind="alert", event_id="n9"), "body is not a JSON object"),
        (entry("x" * 65_537, kind="alert", event_id="n9"), "body is larger than 65536 characters"),
        (entry({}, kind="gossip", event_id="n9"), "kind 'gossip' is unknown"),
    ],
)
def test_a_wrong_message_is_refused_for_good_and_the_next_one_is_stored(
    operator: Client, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], reason: str
) -> None:
    confirmed: list[dict[str, str]] = []
    monkeypatch.setattr(Ingest, "_confirm", lambda self, device_id, ids, answers: confirmed.extend(answers))
    Alert.objects.filter(event_id="e2").update(capture=OTHERS)
    before = stand()
    good = entry(alert_body("good", timestamp=AT + 9000))
    Ingest(client=FakeRedis().client(), changed=lambda ids: None)._take("box-1", [("1-0", fields), ("2-0", good)])
    assert confirmed == [
        {"event_id": fields["event_id"], "status": "refused", "reason": reason},
        {"event_id": "good", "status": "stored"},
    ]
    assert stand()[:-1] == before
