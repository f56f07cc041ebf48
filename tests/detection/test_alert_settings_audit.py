"""Who changed whom is told of alerts: channels, notification rules and escalation rules are audited like cameras."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client

from cameras.audit import acting
from cameras.audit_log import history_of
from cameras.models import Binding, Site
from detection.alert_life.escalation_models import EscalationRule
from detection.notifying.models import Channel, NotificationRule
from tests.cameras.pages import browser, path, visible
from tests.rows import make_all, make_person

pytestmark = pytest.mark.django_db

LIST = "/admin/cameras/auditentry/"
URL, SECRET = "https://hooks.example/T0/hunter2", "a-secret-of-sixteen"


@pytest.fixture
def site() -> Site:
    make_all()
    make_all("box-2", site="Yard", number=2)
    return Site.objects.get(name="Kitchen")


@pytest.fixture
def channel(site: Site) -> Channel:
    with acting(author="setup"):
        return Channel.objects.create(name="Shift lead", kind="webhook", site=site, url=URL, secret=SECRET)


def words(client: Client, url: str) -> str:
    content = visible(client, url).partition('id="content"')[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", content)))


def test_a_channels_address_and_secret_are_told_to_have_changed_and_kept_nowhere(channel: Channel) -> None:
    channel.url, channel.secret, channel.enabled = f"{URL}/new", f"{SECRET}-new", False
    with acting(author="kim", reason="moved"):
        channel.save()
    page = words(browser("admin"), path(Channel, "history", channel))
    assert "changed by kim" in page
    assert "Address changed (its value is not kept here)" in page
    assert "Secret changed (its value is not kept here)" in page
    assert "Enabled yes → no" in page
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM detection_historicalchannel")
        kept = repr(cursor.fetchall())
    assert "Shift lead" in kept
    for secret in ("hunter2", SECRET):
        assert secret not in kept
        assert secret not in page


def test_what_the_hub_notes_of_a_channel_is_no_entry(channel: Channel) -> None:
    channel.problem, channel.disabled_reason = "answered 410", "answered 410"
    channel.save()
    assert [row.history_type for row in history_of(Channel).objects.all()] == ["+"]


def test_a_rule_tells_what_it_asks_and_where_it_goes(site: Site, channel: Channel) -> None:
    rule = NotificationRule.objects.create(name="Nights", site=site)
    with acting(author="kim"):
        rule.channels.add(channel)
        rule.min_severity, rule.camera_id = "critical", "vid1"
        rule.save()
    client = browser("admin")
    page = words(client, path(NotificationRule, "history", rule))
    assert "Channels – → Shift lead" in page
    assert "At least Warning → Critical" in page
    assert "Camera – → Line 1" in page
    with acting(author="lee"):
        rule.delete()
    assert "deleted by lee" in words(client, LIST)


def test_an_escalation_rule_is_known_by_its_site(site: Site) -> None:
    rule = EscalationRule.objects.create(site=site, after_minutes=10)
    with acting(author="kim"):
        rule.after_minutes, rule.binding = 5, Binding.objects.get(bind_id="bind-1")
        rule.save()
    client = browser("operator")
    page = words(client, path(EscalationRule, "history", rule))
    assert "After minutes 10 → 5" in page
    assert "Binding – → bind-1" in page
    assert "Kitchen" in words(client, f"{LIST}?kind=escalationrule")


def test_nothing_of_another_sites_settings_is_shown(site: Site, channel: Channel) -> None:
    Channel.objects.create(name="Everywhere", kind="email", recipients="kim@example.org")
    elsewhere = browser("admin", sites=[Site.objects.get(name="Yard")])
    page = words(elsewhere, LIST)
    assert "Shift lead" not in page
    assert "Everywhere" not in page
    assert elsewhere.get(path(Channel, "history", channel)).status_code == 302
    here = Client()
    here.force_login(make_person("kim", "admin", sites=[site]))
    assert "Shift lead" in words(here, LIST)
    assert "Everywhere" not in words(here, LIST)
    assert "Shift lead" not in words(browser("viewer"), LIST)
