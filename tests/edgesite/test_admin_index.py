"""The admin's first page: what needs attention, where to go, and what to do first on a fresh installation."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cameras.models import ROI, Binding, Camera, Device, DeviceStatus, Site
from cameras.rollouts.models import Rollout, RolloutDevice
from detection.models import Alert
from recordings.evidence.models import Loss
from tests.cameras.pages import browser, path, save, text, two_sites, visible
from tests.rows import make_camera, make_device, make_site

pytestmark = pytest.mark.django_db

INDEX = "/admin/"
GB = 10**9


@pytest.fixture
def site() -> Site:
    return two_sites()


def report(device_id: str, **fields: Any) -> None:
    DeviceStatus.objects.filter(device=device_id).update(**fields)


def tiles(client: Client) -> dict[str, tuple[int, str, str]]:
    """key → count, the chip's kind and words, link."""
    page = client.get(INDEX)
    assert page.status_code == 200
    found = {}
    for tile in page.context["tiles"]:
        assert f'id="tile-{tile.key}"' in text(page)
        assert f'href="{tile.url}"' in text(page)
        words = re.sub(r"<[^>]+>", "", tile.chip).split(maxsplit=1)[1]
        found[tile.key] = (tile.count, f"{tile.kind}: {words}", tile.url)
    return found


def rows(client: Client, url: str) -> set[str]:
    """Keys of the rows on a list."""
    context = client.get(url).context
    if "alerts" in context:  # a list of its own
        return {str(told["pk"]) for told in context["alerts"]}
    return {str(row.pk) for row in context["cl"].result_list}


def start_publish(device_id: str) -> Rollout:
    rollout = Rollout.objects.create(author="kim")
    device = Device.objects.get(pk=device_id)
    RolloutDevice.objects.create(rollout=rollout, device=device, content_sha256="0" * 64, epoch=device.epoch)
    return rollout


def test_nothing_is_wrong(site: Site) -> None:
    Alert.objects.all().delete()
    for number in (1, 2):
        report(f"box-{number}", health={"cameras": {f"vid{number}": "live"}, "disk_free": number * 70 * GB})
    assert tiles(browser("operator")) == {
        "sites": (2, "good: nothing is wrong", path(Site)),
        "devices": (0, "good: all 2 in sync", path(Device)),
        "cameras": (0, "good: none of 2 is down", path(Camera)),
        "alerts": (0, "good: none is open", path(Alert)),
        "disk": (0, "good: least: 70.0 GB free on box-1", path(Device)),
        "pending": (0, "good: none waits", path(Device)),
        "publishes": (0, "off: none runs", path(Rollout)),
    }


def test_everything_is_wrong_and_each_number_leads_to_what_it_counts(site: Site) -> None:
    report("box-1", state="refused", observed=1, applied=0, health={"cameras": {"vid1": "lost"}, "disk_free": GB})
    Device.objects.filter(pk="box-2").update(last_version=2)
    Alert.objects.filter(event_id="e2").update(severity="critical")
    rollout = start_publish("box-2")
    client = browser("operator")
    found = tiles(client)
    assert {key: told[:2] for key, told in found.items()} == {
        "sites": (2, "warn: 2 need attention"),
        "devices": (2, "bad: 1 refused, 1 pending"),
        "cameras": (1, "bad: 1 lost"),
        "alerts": (2, "bad: 1 critical, 1 warning"),
        "disk": (1, "bad: least: 1.0 GB free on box-1"),
        "pending": (1, "busy: on the way to the box"),
        "publishes": (1, "busy: running"),
    }
    listed = {key: rows(client, url) for key, (_count, _chip, url) in found.items()}
    alerts = {str(a.pk) for a in Alert.objects.all()}
    sites = {str(s.pk) for s in Site.objects.all()}
    assert listed == {
        "sites": sites, "devices": {"box-1", "box-2"}, "cameras": {"vid1"}, "alerts": alerts, "disk": {"box-1"},
        "pending": {"box-2"}, "publishes": {str(rollout.pk)},
    }  # fmt: skip


def test_what_boxes_had_to_give_up_lately_is_a_tile_that_leads_to_the_list(site: Site) -> None:
    now = timezone.now()
    for number, (days, counts) in enumerate(
        [(1, {"pictures": 3, "reports": 1}), (2, {"critical": 1, "info": 4}), (9, {"critical": 7})], start=1
    ):
        at = now - timedelta(days=days)
        Loss.objects.create(event_id=f"l{number}", device_id="box-1", since=at, until=at, counts=counts)
    Loss.objects.create(event_id="l9", device_id="box-2", since=now, until=now, counts={"pictures": 2})
    client = browser("operator")
    count, told, url = tiles(client)["losses"]
    assert (count, told) == (3, "bad: 1 critical alert event, 4 notices, 5 pictures, 1 report of a picture")
    assert rows(client, url) == {str(loss.pk) for loss in Loss.objects.exclude(event_id="l3")}
    elsewhere = browser("viewer", sites=[Site.objects.get(name="Warehouse")])
    assert tiles(elsewhere)["losses"][:2] == (1, "warn: 2 pictures")
    Loss.objects.filter(event_id="l9").update(counts={"coverage": 2})
    assert tiles(elsewhere)["losses"][:2] == (1, "warn: 2 hours for reports")  # no alert was lost
    Loss.objects.update(until=now - timedelta(days=8))
    assert "losses" not in tiles(client)


def test_the_list_of_sites_tells_what_is_wrong_at_each(site: Site) -> None:
    make_site("Roof")
    Camera.objects.filter(pk="vid1").update(analyse=True)
    report("box-1", health={"cameras": {"vid1": "lost"}})
    report("box-2", reported_at=timezone.now() - timedelta(minutes=5))
    client = browser("operator")

    def states() -> set[str]:
        cells = re.findall(r'<td class="field-state">(.*?)</td>', visible(client, path(Site)), re.DOTALL)
        return {re.sub(r"<[^>]+>", "", cell).strip() for cell in cells}

    assert states() == {"○ no device yet", "▲ 1 camera down", "▲ 1 camera down, 1 device out of sync"}
    report("box-1", health={"cameras": {"vid1": "live"}})
    assert "● nothing is wrong" in states()


def test_what_ended_and_what_was_shut_out_needs_nothing(site: Site) -> None:
    Alert.objects.update(state="resolved")
    Rollout.objects.filter(pk=start_publish("box-1").pk).update(state="done")
    Device.objects.filter(pk="box-2").update(revoked_at=timezone.now())
    report("box-2", state="refused", observed=1, applied=0)
    Camera.objects.filter(pk="vid2").update(enabled=False)
    report("box-1", health={"cameras": {"vid1": "connecting"}})
    assert {key: told[0] for key, told in tiles(browser("operator")).items()} == {
        "sites": 2, "devices": 0, "cameras": 0, "alerts": 0, "disk": 0, "pending": 0, "publishes": 0,
    }  # fmt: skip


def test_a_silent_box_is_out_of_sync_and_its_cameras_are_down(site: Site) -> None:
    report("box-2", reported_at=timezone.now() - timedelta(minutes=5))
    found = tiles(browser("viewer"))
    assert found["sites"] == (2, "warn: 1 need attention", f"{path(Site)}?attention=needed")
    assert found["devices"] == (1, "warn: 1 offline", f"{path(Device)}?sync=out")
    assert found["cameras"] == (1, "warn: 1 box offline", f"{path(Camera)}?state=down")
    client = browser("operator")
    assert rows(client, found["sites"][2]) == {str(Site.objects.get(name="Warehouse").pk)}
    assert rows(client, found["cameras"][2]) == {"vid2"}
    assert rows(client, f"{path(Camera)}?state=live") == {"vid1"}
    assert rows(client, f"{path(Device)}?sync=in_sync") == {"box-1"}


def test_an_operator_of_one_site_learns_nothing_of_another(site: Site) -> None:
    report("box-2", state="refused", observed=1, applied=0, health={"cameras": {"vid2": "lost"}, "disk_free": 1})
    start_publish("box-2")
    limited = browser("operator", sites=[site])
    found = tiles(limited)
    assert {key: told[0] for key, told in found.items()} == {
        "sites": 1, "devices": 0, "cameras": 0, "alerts": 1, "disk": 0, "pending": 0, "publishes": 0,
    }  # fmt: skip
    page = visible(limited, INDEX)
    assert not re.search("Warehouse|box-2|vid2", page)
    for filtered in (f"{path(Device)}?sync=out", f"{path(Camera)}?state=down", f"{path(Device)}?disk=low"):
        assert rows(limited, filtered) == set()
    assert rows(limited, f"{path(Rollout)}?running=yes") == set()


def test_who_may_not_see_the_history_has_no_tile_for_publishes(site: Site) -> None:
    assert "publishes" not in tiles(browser("viewer"))


def test_the_number_of_queries_does_not_grow(site: Site, django_assert_num_queries: Any) -> None:
    limited = browser("operator", sites=[site])
    limited.get(INDEX)
    with CaptureQueriesContext(connection) as queries:
        limited.get(INDEX)
    for number in range(50):
        device = make_device(f"more-{number}", site=make_site(f"Site {number}") if number % 2 else site)
        make_camera(f"cam-{number}", device=device)
        make_camera(f"second-{number}", device=Device.objects.get(pk="box-1"))
    with django_assert_num_queries(len(queries)):
        page = limited.get(INDEX)
    assert {t.key: t.count for t in page.context["tiles"]}["cameras"] == 75


def recent(client: Client) -> list[tuple[str, str, str]]:
    """label, action and author of each line, as it stands there with its link."""
    page = client.get(INDEX)
    for entry in page.context["recent"]:
        assert f'<a href="{entry["url"]}">' in text(page)
        assert client.get(entry["url"]).status_code == 200
    return [(e["label"], str(e["action"]), e["author"]) for e in page.context["recent"]]


def test_what_was_changed_last_stands_there_with_who_did_it(site: Site) -> None:
    client = browser("superuser")
    save(client, path(Camera, "change", Camera.objects.get(pk="vid1")), name="Grill")
    newest, *others = recent(client)
    assert newest == ("Grill", "changed", "the superuser")
    assert len(others) == 7
    assert "Recent actions" not in text(client.get(INDEX))
    ROI.objects.get(roi_id="roi-1").delete()
    assert [row[:2] for row in recent(client)][:2] == [("Door 1", "deleted"), ("intrusion", "deleted")]


def test_changes_of_another_site_are_no_news(site: Site) -> None:
    limited = browser("operator", sites=[site])
    save(browser("superuser"), path(Camera, "change", Camera.objects.get(pk="vid2")), name="Secret")
    shown = [label for label, _, _ in recent(limited)]
    assert "Line 1" in shown
    assert not {"Secret", "Line 2", "Warehouse", "vid2"} & set(shown)


def test_what_a_region_is_called_at_another_site_is_not_told(site: Site) -> None:
    limited = browser("operator", sites=[site])
    Camera.objects.filter(pk="vid1").update(device="box-2")
    ROI.objects.filter(roi_id="roi-1").update(name="Secret")
    shown = {e["label"] for e in limited.get(INDEX).context["recent"]}
    assert "intrusion" in shown
    assert "Secret" not in str(shown)


def test_where_nothing_was_changed_yet_is_said_what_will_stand_there() -> None:
    assert "Each change that somebody saves" in visible(browser("superuser"), INDEX)


@pytest.mark.parametrize(("model", "query"), [(Camera, "state=down"), (Device, "sync=out"), (Site, "attention=needed")])
def test_filtered_lists_stay_at_their_number_of_queries(
    site: Site, model: Any, query: str, django_assert_num_queries: Any
) -> None:
    report("box-2", reported_at=timezone.now() - timedelta(minutes=5))
    client, url = browser("operator"), f"{path(model)}?{query}"
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        client.get(url)
    for number in range(30):
        make_camera(f"cam-{number}", device=make_device(f"more-{number}", site=make_site(f"Site {number}")))
    with django_assert_num_queries(len(queries)):
        assert len(rows(client, url)) == 31


# First steps


def steps(client: Client) -> tuple[list[bool], str]:
    """What is done, and where the next step leads."""
    given = client.get(INDEX).context["first_steps"]
    [url] = [step.url for step in given if step.url] or [""]
    return [step.done for step in given], url


def test_a_fresh_installation_leads_from_site_to_publish() -> None:
    client = browser("superuser")
    assert steps(client) == ([False] * 5, path(Site, "add"))
    assert "tile-" not in visible(client, INDEX)
    site = make_site("Kitchen")
    assert steps(client) == ([True, False, False, False, False], path(Device, "add"))
    device = make_device("box-1", site=site)
    assert steps(client) == ([True, True, False, False, False], path(Camera, "add"))
    camera = make_camera("vid1", device=device)
    assert steps(client) == ([True, True, True, False, False], path(Camera, "regions", camera))
    roi = ROI.objects.create(camera=camera, coordinates=[[0, 0], [1, 0], [1, 1]])
    Binding.objects.create(roi=roi, algo_code="intrusion")
    assert steps(client) == ([True, True, True, True, False], path(Device, "configuration", device))
    DeviceStatus.objects.create(device=device, epoch=device.epoch, applied=1, reported_at=timezone.now())
    assert steps(client) == ([], "")
    report("box-1", reported_at=timezone.now() - timedelta(days=1))
    assert steps(client) == ([], "")  # a box that is away was set up all the same


def test_every_next_step_leads_to_a_page() -> None:
    client = browser("superuser")
    for _ in range(3):
        assert client.get(steps(client)[1]).status_code == 200
        if not Site.objects.exists():
            make_site("Kitchen")
        elif not Device.objects.exists():
            make_device("box-1")
        else:
            make_camera("vid1")
    assert client.get(steps(client)[1]).status_code == 200


def test_a_step_that_the_role_does_not_allow_has_no_button() -> None:
    page = visible(browser("operator"), INDEX)
    assert "First steps" in page
    assert path(Site, "add") not in page


# Navigation


def groups(page: str) -> list[tuple[str, list[str]]]:
    found = []
    for block in page.split("<caption>")[1:]:
        name = re.sub(r"<[^>]+>", "", block.partition("</caption>")[0])
        found.append((name, re.findall(r'<th scope="row"[^>]*><a [^>]*>([^<]+)</a>', block)))
    return found


def test_navigation_goes_by_task(site: Site) -> None:
    expected = [
        ("Watch", ["Live"]),
        (
            "Alerts",
            [
                "Alerts",
                "Escalation rules",
                "Notification rules",
                "Notification channels",
                "Deliveries",
                "Test alerts",
            ],
        ),
        ("Reports", ["Violations and coverage"]),
        ("Recordings", ["Timelines", "Recording tasks", "Exports"]),
        ("Cameras and regions", ["Cameras", "ROIs", "Bindings", "Back-tests"]),
        ("Devices and configuration", ["Sites", "Devices", "Staged publishes", "Config versions", "Changes", "Losses"]),
        ("Schedules", ["Schedules"]),
        ("People and access", ["Users", "Groups", "Site access", "API tokens"]),
    ]
    client = browser("superuser")
    assert groups(visible(client, INDEX)) == expected
    assert groups(visible(client, path(Camera))) == expected  # the side bar
    assert 'aria-current="page">Cameras</a>' in visible(client, path(Camera))


def test_navigation_holds_what_the_role_may_see(site: Site) -> None:
    names = [name for name, _ in groups(visible(browser("viewer"), INDEX))]
    assert names == [
        "Watch",
        "Alerts",
        "Reports",
        "Recordings",
        "Cameras and regions",
        "Devices and configuration",
        "Schedules",
    ]
    nobody = browser("")
    assert groups(visible(nobody, INDEX)) == []


def test_a_model_that_no_task_names_is_not_lost(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgesite.admin_site.TASKS", ((("watch", "Watch", ())),))
    found = dict(groups(visible(browser("superuser"), INDEX)))
    assert "Cameras" in [name for names in found.values() for name in names]
    assert len(found) > 2


def test_an_apps_own_page_still_answers(site: Site) -> None:
    page = visible(browser("superuser"), "/admin/cameras/")
    assert path(Camera) in page
