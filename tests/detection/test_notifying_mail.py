"""E-mail as people get it, and what a mail server's answers mean."""

from __future__ import annotations

import smtplib
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from detection.notifying.models import Delivery
from detection.notifying.transports import send
from edgesite.env import Environment
from tests.detection.alerts import make_alert
from tests.detection.notifications import Hub, make_channel, make_rule
from tests.rows import make_all

pytestmark = pytest.mark.django_db


def make_hub(settings: Any, *, language: str = "en", group_s: int = 0) -> Hub:
    settings.EMAIL_HOST, settings.PUBLIC_URL = "mail.example.org", "https://hub.example.org"
    settings.DEFAULT_FROM_EMAIL = "edgesite@example.org"
    make_all()
    people = "ann@example.org\nbob@example.org"
    make_rule(make_channel(kind="email", url="", secret="", recipients=people, language=language), group_s=group_s)
    hub = Hub()
    hub.notifier.send = send
    return hub


def test_an_alert_as_text_and_html_with_a_link(settings: Any) -> None:
    hub = make_hub(settings)
    alert = make_alert("e1", roi_name="Door <b>1</b>")
    hub.turn()
    (sent,) = mail.outbox
    link = f"https://hub.example.org/admin/detection/alert/{alert.pk}/change/"
    assert sent.subject == "[edgesite] Warning: Intrusion: Kitchen · Line 1 · Door <b>1</b>"
    assert sent.to == ["ann@example.org", "bob@example.org"]
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    assert link in sent.body
    assert "Door <b>1</b>" in sent.body
    assert isinstance(sent, EmailMultiAlternatives)
    (html,) = sent.alternatives
    assert f'<a href="{link}">' in str(html[0])
    assert "Door &lt;b&gt;1" in str(html[0])
    assert Delivery.objects.get().state == "delivered"


def test_a_burst_is_one_mail(settings: Any) -> None:
    hub = make_hub(settings, group_s=60)
    for n in range(60):
        make_alert(f"e{n}")
    hub.turn()
    hub.turn(after_s=61)
    assert len(mail.outbox) == 2
    assert mail.outbox[1].subject == "[edgesite] 59 more alerts: Everything"
    assert mail.outbox[1].body.count("Warning: Intrusion") == 50
    assert "and 9 more alerts" in mail.outbox[1].body


def test_a_repetition_has_the_same_message_id(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = make_hub(settings)
    make_alert("e1")
    real = EmailMultiAlternatives.send

    def lose(self: EmailMultiAlternatives, fail_silently: bool = False) -> int:
        real(self)
        raise smtplib.SMTPServerDisconnected("connection lost after the message")

    with monkeypatch.context() as patched:
        patched.setattr(EmailMultiAlternatives, "send", lose)
        hub.turn()
    hub.turn(after_s=10)
    first, second = (m.extra_headers["Message-ID"] for m in mail.outbox)
    assert first == second
    assert first.endswith("@example.org>")


@pytest.mark.parametrize(
    ("error", "state", "problem"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b": (550, b"no")}), "dead", "The mail server refused the message: 550"),
        (smtplib.SMTPRecipientsRefused({"a@b": (450, b"later")}), "waiting", "The mail server failed: 450"),
        (smtplib.SMTPDataError(554, b"spam"), "dead", "The mail server refused the message: 554"),
        (smtplib.SMTPAuthenticationError(535, b"no"), "waiting", "The mail server refused user and password"),
        (smtplib.SMTPServerDisconnected("x"), "waiting", "The mail server failed: SMTPServerDisconnected"),
        (
            ConnectionRefusedError(111, "Connection refused"),
            "waiting",
            "The mail server cannot be reached: Connection refused",
        ),
        (TimeoutError(), "waiting", "The mail server cannot be reached: TimeoutError"),
    ],
)
def test_what_a_mail_server_may_say(
    settings: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str, problem: str
) -> None:
    hub = make_hub(settings)
    make_alert("e1")

    def fail(self: EmailMultiAlternatives, fail_silently: bool = False) -> int:
        raise error

    monkeypatch.setattr(EmailMultiAlternatives, "send", fail)
    hub.turn()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.problem) == (state, problem)


def test_without_a_mail_server_it_is_said(settings: Any) -> None:
    hub = make_hub(settings)
    settings.EMAIL_HOST = ""
    make_alert("e1")
    hub.turn()
    assert mail.outbox == []
    assert Delivery.objects.get().problem.startswith("No mail server is set")


@pytest.mark.parametrize(
    ("url", "config"),
    [
        ("", {}),
        ("smtp+tls://u:p%40w@mail.example:587", {"EMAIL_HOST": "mail.example", "EMAIL_PORT": 587, "EMAIL_HOST_USER": "u",
                                                 "EMAIL_HOST_PASSWORD": "p@w", "EMAIL_USE_TLS": True}),
        ("smtp+ssl://mail.example:465", {"EMAIL_HOST": "mail.example", "EMAIL_USE_SSL": True}),
    ],
)  # fmt: skip
def test_the_mail_server_is_named_by_a_url(url: str, config: dict[str, Any]) -> None:
    environment = Environment({"EMAIL_URL": url})
    read = environment.mail("EMAIL_URL")
    assert environment.problems == []
    assert config.items() <= read.items()


@pytest.mark.parametrize(
    "url", ["mail.example", "smtp://", "http://mail.example", "consolemail://", "smtp://h:99999999"]
)
def test_a_mail_url_that_makes_no_sense_is_a_problem(url: str) -> None:
    environment = Environment({"EMAIL_URL": url})
    assert environment.mail("EMAIL_URL") == {}
    assert [name for name, _ in environment.problems] == ["EMAIL_URL"]
    assert url not in environment.problems[0][1]
