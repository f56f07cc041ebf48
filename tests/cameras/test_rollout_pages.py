"""Staged publishes in the admin: choosing, starting, watching, stopping, rolling back, and who may see what."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from django.utils import timezone

from cameras.issued import ConfigVersion
from cameras.models import Binding, Device, Site
from cameras.rollouts.models import Rollout
from tests.cameras.fleet import Fleet, only_rollout
from tests.cameras.pages import browser, text
from tests.rows import make_person, make_site
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db

LIST, START = "/admin/cameras/rollout/", "/admin/cameras/rollout/start/"


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(3)


def page(client: Client, rollout: Rollout, what: str = "change") -> str:
    answer = client.get(f"{LIST}{rollout.pk}/{what}/")
    assert answer.status_code == 200
    return text(answer)


def chosen(client: Client, *device_ids: str) -> str:
    """The page behind the list's action."""
    data = {"action": "publish_in_stages", "_selected_action": list(device_ids)}
    answer = client.post("/admin/cameras/device/", data)
    assert answer.status_code == 200
    return text(answer)


def test_from_the_list_of_devices_to_a_staged_publish_that_runs(fleet: Fleet) -> None:
    client = browser("operator")
    asked = chosen(client, "box-1", "box-2")
    assert asked.count("parameter dwell_s default → 7") == 2
    form = Form(asked).fields
    assert set(json.loads(form["plan"][0])) == {"box-1", "box-2"}
    form |= {"canary": ["box-2"], "healthy_seconds": ["60"], "reason": ["longer dwell"]}
    answer = client.post(START, form, follow=True)
    rollout = only_rollout()
    assert answer.redirect_chain == [(f"{LIST}{rollout.pk}/change/", 302)]
    assert (rollout.author, rollout.reason, rollout.healthy_seconds) == ("the operator", "longer dwell", 60)
    assert [(d.device_id, d.is_canary) for d in rollout.devices.all()] == [("box-2", True), ("box-1", False)]
    fleet.step()
    assert "waits for box-2 to confirm" in page(client, rollout)
    fleet.report("box-2")
    fleet.step()
    fleet.pass_time(20)
    shown = page(client, rollout)
    assert "Watching the canaries" in shown
    assert 'data-refresh="2"' in shown
    here = f"{LIST}{rollout.pk}/change/?page=1"
    assert f'href="/admin/login/?next={quote(here, safe="")}"' in text(client.get(here))


def test_what_cannot_take_part_says_why_and_is_left_out(fleet: Fleet) -> None:
    Device.objects.filter(pk="box-1").update(publish_on_save=True)
    Binding.objects.filter(bind_id="bind-2").update(params={})
    asked = chosen(browser("operator"), *fleet.ids)
    assert "box-1 publishes every saved change at once: turn off publish on save first" in asked
    assert "box-2 has nothing to publish" in asked
    assert set(json.loads(Form(asked).fields["plan"][0])) == {"box-3"}
    assert "None of these devices has something" in chosen(browser("admin"), "box-1", "box-2")


def test_problems_come_back_with_everything_that_was_filled_in(fleet: Fleet) -> None:
    client = browser("operator")
    form = Form(chosen(client, *fleet.ids)).fields | {"reason": ["night shift"], "wave_size": ["7"]}
    answer = text(client.post(START, form))
    assert "choose at least one canary" in answer
    again = Form(answer).fields
    assert (again["reason"], again["wave_size"]) == (["night shift"], ["7"])
    Binding.objects.filter(bind_id="bind-2").update(params={"dwell_s": 8})
    answer = text(client.post(START, form | {"canary": ["box-1"]}))
    assert "box-2 was edited while you were looking at its changes" in answer
    assert Form(answer).fields["canary"] == ["box-1"]
    answer = text(client.post(START, form | {"canary": ["box-1"], "error_threshold": ["0"]}))
    assert "greater than or equal to 1" in answer
    assert not Rollout.objects.exists()
    for plan in ("", "[]", "nonsense"):
        assert "None of these devices" in text(client.post(START, form | {"plan": [plan], "canary": ["box-1"]}))


def test_a_refusal_is_on_the_page_and_in_the_list(fleet: Fleet) -> None:
    rollout = fleet.start()
    fleet.step()
    fleet.refuse("box-1", "unknown algorithm <x>")
    fleet.step()
    client = browser("operator")
    shown = page(client, rollout)
    assert "Stopped: box-1: refused: unknown algorithm &lt;x&gt;" in shown
    assert "the staged publish stopped before its turn" in shown
    assert "data-refresh" not in shown
    assert "box-1: refused" in text(client.get(LIST))
    assert "0 of 3 confirmed" in text(client.get(LIST, {"q": "box-1"}))


def test_stopping_and_rolling_back_ask_first(fleet: Fleet) -> None:
    rollout = fleet.start("box-1", "box-2")
    fleet.step()
    fleet.report("box-1")
    fleet.step()
    client = browser("operator")
    assert "One device that waits gets nothing." in page(client, rollout, "stop")
    assert only_rollout().state == "canaries"
    client.post(f"{LIST}{rollout.pk}/stop/", {"reason": "wrong day"})
    assert "Stopped: stopped by the operator: wrong day" in page(client, rollout)
    assert "had ended already" in text(client.post(f"{LIST}{rollout.pk}/stop/", follow=True))
    Binding.objects.filter(bind_id="bind-2").update(severity="critical")
    asked = page(client, rollout, "roll-back")
    assert asked.count("parameter dwell_s 7 → default") == 2
    assert "Unpublished changes that would be lost" in asked
    assert "severity warning → critical" in asked
    answer = client.post(f"{LIST}{rollout.pk}/roll-back/", {"reason": "too long"}, follow=True)
    assert "Rolled back: box-1, box-2." in text(answer)
    assert fleet.versions() == {"box-1": 3, "box-2": 3, "box-3": 1}
    assert ConfigVersion.objects.get(device="box-1", version=3).reason == "too long"
    assert "version 3 brings back 1" in page(client, rollout)
    assert "There was nothing to roll back" in text(client.post(f"{LIST}{rollout.pk}/roll-back/", follow=True))


def asked(fleet: Fleet, *, healthy: tuple[str, ...]) -> tuple[Rollout, Client]:
    """A publish with two canaries of which only these answered, until it asks."""
    fleet.now = timezone.now()  # pages look at the boxes by their own clock
    rollout = fleet.start("box-1", "box-2", answer_seconds=60, healthy_seconds=10)
    fleet.step()
    for device_id in healthy:
        fleet.report(device_id)
    fleet.pass_time(61)
    assert only_rollout().state == "asking"
    return rollout, browser("operator")


def decide(client: Client, rollout: Rollout, how: str) -> str:
    form = Form(page(client, rollout, "decide")).fields
    return text(client.post(f"{LIST}{rollout.pk}/decide/", form | {"how": [how]}, follow=True))


def test_somebody_goes_on_without_the_canary_that_gives_no_answer(fleet: Fleet) -> None:
    rollout, client = asked(fleet, healthy=("box-1",))
    shown = page(client, rollout)
    assert "Waits for a decision" in shown
    assert f'href="{LIST}{rollout.pk}/decide/"' in shown
    assert "1 waits for a decision" in text(client.get("/admin/"))
    question = page(client, rollout, "decide")
    assert "box-2" in question
    assert "box-1" not in question
    assert "It goes on without the canaries" in decide(client, rollout, "without")
    assert "gave no answer; the operator went on without it" in page(client, rollout)
    fleet.pass_time(12)
    assert only_rollout().state == "rest"
    assert fleet.states() == {"box-1": "confirmed", "box-2": "skipped", "box-3": "issued"}
    again = client.post(f"{LIST}{rollout.pk}/decide/", {"how": "without"}, follow=True)
    assert "Nothing was done" in text(again)


def test_nobody_goes_on_without_others_than_the_page_named(fleet: Fleet) -> None:
    rollout, client = asked(fleet, healthy=("box-1",))
    seen = Form(page(client, rollout, "decide")).fields | {"how": ["without"]}
    fleet.report("box-2")
    fleet.lose_camera("box-1")
    answer = client.post(f"{LIST}{rollout.pk}/decide/", seen, follow=True)
    told = text(answer)
    assert "Nothing was done, because this changed while you were looking at the page" in told
    assert "Not waited for any more: box-2. Without an answer now: box-1." in told
    assert Form(told).fields["missing"] == ["box-1"]
    assert (only_rollout().state, fleet.states()["box-1"]) == ("asking", "confirmed")
    assert "It goes on without" in decide(client, rollout, "without")
    assert fleet.states()["box-1"] == "skipped"


def test_of_canaries_of_other_sites_it_is_only_told_that_they_changed(fleet: Fleet) -> None:
    rollout, _ = asked(fleet, healthy=("box-1",))
    office = make_site("Office")
    Device.objects.filter(pk="box-3").update(site=office)
    client = Client()
    client.force_login(make_person("lee", "operator", sites=[office]))
    question = page(client, rollout, "decide")
    seen = Form(question).fields | {"how": ["without"]}
    fleet.report("box-2")
    fleet.lose_camera("box-1")
    told = text(client.post(f"{LIST}{rollout.pk}/decide/", seen, follow=True))
    assert "It is other devices now that give no answer, of sites that are not yours." in told
    assert not any(name in question + told for name in ("box-1", "box-2"))
    assert (only_rollout().state, fleet.states()["box-1"]) == ("asking", "confirmed")


def test_somebody_waits_on_as_long_again(fleet: Fleet) -> None:
    rollout, client = asked(fleet, healthy=("box-1",))
    assert "It waits for the canaries as long again" in decide(client, rollout, "wait")
    fleet.now = timezone.now()
    fleet.step()
    assert only_rollout().state == "canaries"
    fleet.pass_time(50)
    assert only_rollout().state == "canaries"
    fleet.pass_time(10)
    assert only_rollout().state == "asking"


def test_without_a_healthy_canary_nobody_can_go_on(fleet: Fleet) -> None:
    rollout, client = asked(fleet, healthy=())
    assert "Go on without them" not in page(client, rollout, "decide")
    answer = client.post(f"{LIST}{rollout.pk}/decide/", {"how": "without"}, follow=True)
    assert "Nothing was done" in text(answer)
    assert (only_rollout().state, fleet.states()["box-1"]) == ("asking", "issued")


def test_a_rollback_that_no_key_can_read_is_told_and_not_done(fleet: Fleet, settings: Any) -> None:
    rollout = fleet.start("box-1", device_ids=["box-1"])
    fleet.step()
    client = browser("operator")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert "FIELD_ENCRYPTION_KEY is not the one" in page(client, rollout, "roll-back")
    answer = client.post(f"{LIST}{rollout.pk}/roll-back/", follow=True)
    assert "FIELD_ENCRYPTION_KEY is not the one" in text(answer)
    assert fleet.versions()["box-1"] == 2


def test_confirmed_devices_of_a_finished_publish_stay_confirmed_on_its_page(fleet: Fleet) -> None:
    rollout = fleet.start("box-1", device_ids=["box-1"], healthy_seconds=0)
    fleet.step()
    fleet.report("box-1")
    fleet.step()
    fleet.pass_time(60, silent=("box-1",))
    shown = page(browser("operator"), rollout)
    assert "1 of 1" in shown
    assert "silent" not in shown


@pytest.fixture
def elsewhere(fleet: Fleet) -> Site:
    """box-3 belongs to another site, and its device stopped the publish."""
    site = make_site("Warehouse")
    Device.objects.filter(pk="box-3").update(site=site)
    fleet.start("box-1", "box-3")
    fleet.step()
    fleet.refuse("box-3", "a secret of the warehouse")
    fleet.step()
    return Site.objects.get(name="Kitchen")


def test_a_person_of_one_site_sees_and_rolls_back_only_its_devices(fleet: Fleet, elsewhere: Site) -> None:
    client = browser("operator", sites=[elsewhere])
    rollout = only_rollout()
    for shown in (page(client, rollout), text(client.get(LIST)), page(client, rollout, "roll-back")):
        assert "box-3" not in shown
        assert "warehouse" not in shown.lower()
    assert "It concerns devices of other sites." in page(client, rollout)
    assert "One more device is of another site." in page(client, rollout)
    assert "0 of 2 confirmed" in text(client.get(LIST))
    client.post(f"{LIST}{rollout.pk}/roll-back/")
    assert fleet.versions() == {"box-1": 3, "box-2": 1, "box-3": 2}


def test_a_person_without_any_of_its_sites_does_not_find_it(elsewhere: Site) -> None:
    client = browser("operator", sites=[make_site("Office")])
    rollout = only_rollout()
    for what in ("change", "stop", "decide", "roll-back"):
        assert client.get(f"{LIST}{rollout.pk}/{what}/").status_code == 404
    assert f"#{rollout.pk}" not in text(client.get(LIST))


def test_devices_of_other_sites_cannot_be_smuggled_in(fleet: Fleet, elsewhere: Site) -> None:
    client = browser("operator", sites=[elsewhere])
    form = Form(chosen(client, "box-2")).fields
    plan = json.loads(form["plan"][0]) | {"box-3": "0" * 64}
    answer = client.post(START, form | {"plan": json.dumps(plan), "canary": ["box-2", "box-3"]})
    assert "box-3 is a canary but not part of the publish" in text(answer)
    assert client.post(START, form | {"plan": json.dumps(plan), "canary": ["box-2"]}).status_code == 302
    assert [d.device_id for d in Rollout.objects.latest("pk").devices.all()] == ["box-2"]


def test_a_viewer_neither_starts_nor_stops(fleet: Fleet) -> None:
    rollout = fleet.start()
    client = browser("viewer")
    assert client.post(START, {"plan": "{}"}).status_code == 403
    for what in ("change", "stop", "roll-back"):
        assert client.get(f"{LIST}{rollout.pk}/{what}/").status_code in (403, 404)
    assert "publish_in_stages" not in text(client.get("/admin/cameras/device/"))
    client.post("/admin/cameras/device/", {"action": "publish_in_stages", "_selected_action": ["box-2"]})
    client.post(f"{LIST}{rollout.pk}/stop/")
    assert only_rollout().state == "canaries"


def test_an_empty_list_says_what_it_will_show_and_a_wrong_number_is_not_found(fleet: Fleet) -> None:
    client = browser("operator")
    assert "Publishes to many devices in stages show here" in text(client.get(LIST))
    for wrong in ("x", "9" * 30, "77"):
        assert client.get(f"{LIST}{wrong}/change/").status_code == 404
