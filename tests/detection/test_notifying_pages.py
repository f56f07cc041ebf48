"""Channels, rules and the delivery log in the admin: who sees and does what, secrets, the test button, sending again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.models import Site
from cameras.schedules import Schedule
from detection.models import Alert
from detection.notifying.models import Channel, Delivery, NotificationRule
from detection.notifying.services import Outcome
from tests.cameras.pages import browser, path, save, text, two_sites, visible
from tests.detection.alerts import make_alert
from tests.detection.notifications import SECRET, Hub, make_channel, make_rule
from tests.servers.http import HttpReceiver, Says

pytestmark = pytest.mark.django_db

PAGES = (Channel, NotificationRule, Delivery)


def add(client: Client, **fields: str) -> Any:
    given = {"name": "Hook", "kind": "webhook", "enabled": "on", "url": "https://hooks.example/T0KEN", "language": "en",
             "topic": "edgesite"}  # fmt: skip
    return client.post(path(Channel, "add"), given | fields, follow=True)


def test_empty_pages_say_what_they_will_show_and_how_to_get_there() -> None:
    client = browser("admin")
    for model in PAGES:
        page = visible(client, path(model))
        assert '<a class="button"' in page
        assert "show here" in page or "shows here" in page
    page = visible(client, "/admin/")
    assert page.index("Notification rules") < page.index("Notification channels") < page.index("Deliveries")


@pytest.mark.parametrize(
    ("role", "channels", "rules", "log"),
    [("viewer", 403, 403, 403), ("operator", 403, 200, 200), ("admin", 200, 200, 200), ("superuser", 200, 200, 200)],
)
def test_what_each_role_opens(role: str, channels: int, rules: int, log: int) -> None:
    client = browser(role)
    assert [client.get(path(model)).status_code for model in PAGES] == [channels, rules, log]
    assert client.get(path(NotificationRule, "add")).status_code == (200 if channels == 200 else 403)


def test_a_secret_that_was_made_is_shown_once_and_never_again() -> None:
    client = browser("admin")
    answer = add(client)
    channel = Channel.objects.get()
    assert answer["Cache-Control"].startswith("no-store")
    (shown,) = re.findall(r'<code id="secret">(.+?)</code>', text(answer))
    assert (shown, len(shown)) == (channel.secret, 43)
    assert answer.cookies.get("messages") is None
    for url in (path(Channel), path(Channel, "change", channel)):
        assert channel.secret not in visible(client, url)
    save(client, path(Channel, "change", channel), name="Other")
    channel.refresh_from_db()
    assert (channel.name, channel.secret) == ("Other", shown)  # it stays
    answer = save(client, path(Channel, "change", channel), fresh="on")
    channel.refresh_from_db()
    assert channel.secret != shown
    assert channel.secret in text(answer)


def test_a_given_secret_is_kept_and_not_shown() -> None:
    client = browser("admin")
    answer = add(client, new_secret=SECRET)
    assert Channel.objects.get().secret == SECRET
    assert SECRET not in text(answer)
    assert "Use at least 16 characters." in text(add(client, name="Two", new_secret="short"))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"url": "ftp://a.example"}, "must begin with http"),
        ({"url": "http://user:pw@a.example/"}, "must not hold a user or a password"),
        ({"url": "http://2130706433/"}, "This address cannot be used"),
        ({"kind": "email", "recipients": ""}, "Give at least one address."),
        ({"kind": "email", "recipients": "ann@example.org\nnobody"}, "nobody is no e-mail address."),
        ({"kind": "email", "recipients": "ann@example.org\r\nBcc: x@example.org"}, "is no e-mail address."),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(fields: dict[str, str], problem: str) -> None:
    assert problem in text(add(browser("admin"), **fields))
    assert not Channel.objects.exists()


def test_people_of_a_site_see_and_make_only_what_is_of_that_site() -> None:
    kitchen = two_sites()
    warehouse = Site.objects.get(name="Warehouse")
    client = browser("admin", sites=[kitchen])
    everywhere, theirs = make_channel("Everywhere"), make_channel("Theirs", site=warehouse)
    mine = make_channel("Mine", site=kitchen)
    make_rule(theirs, name="Foreign rule", site=warehouse)
    shared = make_rule(mine, everywhere, name="Shared rule", site=kitchen)
    hub = Hub()
    make_alert("k", device_id="box-1")
    make_alert("w", device_id="box-2", camera_id="vid2")
    hub.turn()
    page = visible(client, path(Channel))
    assert "Mine" in page
    assert "Theirs" not in page
    assert "Everywhere" not in page
    log = visible(client, path(Delivery))
    assert "Mine" in log
    assert "Theirs" not in log
    assert "Foreign" not in visible(client, path(NotificationRule))
    assert "Warehouse" not in visible(client, path(NotificationRule, "add"))
    for model, row in ((Channel, theirs), (Channel, everywhere), (Delivery, Delivery.objects.get(channel=theirs))):
        assert client.get(path(model, "change", row)).status_code == 302  # as if there were none
    assert client.post(path(Channel, "test", theirs)).status_code == 404
    assert client.post(path(Delivery, "again", Delivery.objects.get(channel=theirs))).status_code == 404
    assert "Choose one of your sites." in text(add(client, name="No site"))
    assert "Choose one of your sites." in text(
        client.post(path(NotificationRule, "add"), {"name": "x", "min_severity": "info", "out_of_hours": "silent",
                                                    "group_s": "1", "channels": [str(mine.pk)]})
    )  # fmt: skip
    # A rule that also uses a channel they do not see is only looked at: saving would take that channel out.
    page = visible(client, path(NotificationRule, "change", shared))
    assert "_save" not in page
    assert client.post(path(NotificationRule, "change", shared), {"name": "taken"}).status_code == 403


def test_a_rule_keeps_to_its_site() -> None:
    kitchen = two_sites()
    client = browser("superuser")
    theirs = make_channel("Theirs", site=Site.objects.get(name="Warehouse"))
    shift = Schedule.objects.get(schedule_id="shift-2")
    given = {"name": "Rule", "enabled": "on", "min_severity": "info", "out_of_hours": "silent", "group_s": "60",
             "channels": [str(make_channel().pk)]}  # fmt: skip
    for fields, problem in (
        ({"site": str(kitchen.pk), "camera": "vid2"}, "Choose the site that this camera belongs to, too."),
        ({"camera": "vid2"}, "Choose the site that this camera belongs to, too."),
        ({"schedule": shift.schedule_id}, "Choose the site that this schedule belongs to, too."),
        ({"site": str(kitchen.pk), "channels": [str(theirs.pk)]}, "alerts of another site"),
        ({"channels": [str(theirs.pk)]}, "alerts of another site"),
        ({"algo_code": "no-such"}, "Select a valid choice"),
        ({"group_s": "90000"}, "less than or equal to 86400"),
    ):
        assert problem in text(client.post(path(NotificationRule, "add"), given | fields)), fields
    answer = client.post(
        path(NotificationRule, "add"), given | {"site": str(kitchen.pk), "camera": "vid1"}, follow=True
    )
    assert "Kitchen · Line 1 · Warning" in text(answer) or "Kitchen · Line 1 · Info or worse" in text(answer)


def test_the_test_button_says_in_words_what_became_of_it(settings: Any) -> None:
    client = browser("admin")
    with HttpReceiver(lambda received: Says(503)) as server:
        channel = make_channel(url=server.url)
        answer = client.post(path(Channel, "test", channel), follow=True)
        assert "The test was not delivered. The address is not on the operator&#x27;s list" in text(answer)
        assert server.received == []
        settings.NOTIFY_HOSTS = ["127.0.0.1"]
        answer = client.post(path(Channel, "test", channel), follow=True)
        assert "The test was not delivered. The receiver failed: 503." in text(answer)
        server.answer = lambda received: Says(204)
        answer = client.post(path(Channel, "test", channel), follow=True)
        assert "The test was delivered. (204)" in text(answer)
        assert b'"type":"test"' in server.received[-1].body
    assert client.get(path(Channel, "test", channel)).status_code == 405
    assert [d.state for d in Delivery.objects.order_by("id")] == ["dead", "dead", "delivered"]
    assert visible(client, path(Delivery) + f"?channel={channel.pk}").count(">test<") == 3


def test_the_log_is_filtered_and_dead_letters_are_sent_again() -> None:
    kitchen = two_sites()
    rule = make_rule(make_channel("Hook"), site=kitchen)
    make_channel("Quiet")
    hub = Hub(Outcome("dead", "The receiver refused the message: 400", 400))
    make_alert("one")
    make_alert("two")
    hub.turn()
    dead, fine = Delivery.objects.order_by("id")
    client = browser("admin")
    page = visible(client, path(Delivery) + "?state__exact=dead")
    assert "The receiver refused the message: 400" in page
    assert f"alert {dead.alert_id}<" in page
    assert f"alert {fine.alert_id}<" not in page
    assert f"alert {fine.alert_id}<" in visible(client, path(Delivery) + f"?rule={rule.pk}")
    for query in ("?channel=x", "?rule=99999999999999999999", "?state__exact=no"):
        assert client.get(path(Delivery) + query, follow=True).status_code == 200, query
    operator = browser("operator")
    assert operator.post(path(Delivery, "again", dead)).status_code == 403
    assert "Send again" not in visible(operator, path(Delivery, "change", dead))
    answer = client.post(path(Delivery, "again", dead), follow=True)
    assert "1 message is sent again." in text(answer)
    answer = client.post(path(Delivery, "again", fine), follow=True)
    assert "Nothing is sent again" in text(answer)
    hub.now = timezone.now()  # that of the page
    assert [m.key for m in hub.turn()] == [dead.key]
    action = {"action": "send_again", "_selected_action": [str(dead.pk), str(fine.pk)]}
    assert "Nothing is sent again" in text(client.post(path(Delivery), action, follow=True))
    assert Alert.objects.count() == 4


def test_a_channel_that_disabled_itself_says_why_and_starts_clean() -> None:
    client = browser("admin")
    channel = make_channel(enabled=False, disabled_reason="The receiver answered that it is gone for good (410)")
    assert "disabled: The receiver answered that it is gone for good (410)" in visible(client, path(Channel))
    save(client, path(Channel, "change", channel), enabled="on")
    channel.refresh_from_db()
    assert (channel.enabled, channel.disabled_reason) == (True, "")


def test_the_lists_cost_no_query_for_each_row(django_assert_max_num_queries: Any) -> None:
    two_sites()
    for n in range(30):
        make_rule(make_channel(f"Hook {n}"), name=f"Rule {n}")
    hub = Hub()
    make_alert("e9")
    hub.turn()
    client = browser("admin")
    for model in PAGES:
        with django_assert_max_num_queries(25):
            client.get(path(model))


def test_a_channel_or_its_site_goes_with_its_deliveries_and_those_never_alone() -> None:
    place = Site.objects.create(name="Empty")
    channel, of_site = make_channel(), make_channel("Second", site=place)
    row = Delivery.objects.create(channel=channel, key="k1")
    Delivery.objects.create(channel=of_site, key="k2")
    admin, operator = browser("admin"), browser("operator")
    admin.post(path(Delivery), {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
    assert admin.post(path(Delivery, "delete", row), {"post": "yes"}).status_code == 403
    assert operator.post(path(Channel, "delete", channel), {"post": "yes"}).status_code == 403
    assert Delivery.objects.count() == 2
    admin.post(path(Channel, "delete", channel), {"post": "yes"})
    assert list(Delivery.objects.values_list("key", flat=True)) == ["k2"]
    admin.post(path(Site, "delete", place), {"post": "yes"})
    assert (Delivery.objects.count(), Site.objects.filter(name="Empty").count()) == (0, 0)
