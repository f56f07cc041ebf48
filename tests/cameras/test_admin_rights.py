"""Nobody gives himself a site, and who may delete a device: it goes with its history, so one at a time and after a warning."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission, User

from cameras.issued import ConfigVersion
from cameras.models import Camera, Device, Site, SiteAccess
from edgesite.models import ApiToken
from tests.cameras.pages import browser, path, save, text, two_sites, visible

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return two_sites()


def own(role: str = "admin") -> SiteAccess:
    return SiteAccess.objects.get(user__username=f"the {role}")


def test_a_limited_admin_cannot_give_himself_another_site(site: Site) -> None:
    client = browser("admin", sites=[site])
    url = path(SiteAccess, "change", own())
    assert client.get(url).status_code == 403
    fields = {"user": str(own().user.pk), "all_sites": "on", "_save": "Save"}
    assert client.post(url, fields).status_code == 403
    assert client.post(path(SiteAccess, "delete", own()), {"post": "yes"}).status_code == 403
    assert client.post(path(SiteAccess, "add"), fields).status_code == 403
    listed = {"action": "delete_selected", "_selected_action": [str(own().pk)], "post": "yes"}
    assert client.post(path(SiteAccess), listed).status_code == 403
    assert not own().all_sites
    assert list(own().sites.all()) == [site]
    assert "box-2" not in visible(client, path(Device))


def test_a_limited_admin_makes_no_user_who_could_see_more(site: Site) -> None:
    client = browser("admin", sites=[site])
    assert client.get(path(User)).status_code == 403
    secret = "long-enough-2026"
    fields = {"username": "mole", "password1": secret, "password2": secret, "usable_password": "true"}
    assert client.post(path(User, "add"), fields).status_code == 403
    assert not get_user_model().objects.filter(username="mole").exists()
    other = get_user_model().objects.get(username="somebody")
    admins = str(Group.objects.get(name="admin").pk)
    change = {"username": "somebody", "groups": [admins], "_save": "Save"}
    assert client.post(path(User, "change", other), change).status_code == 403
    assert client.post(f"/admin/auth/user/{other.pk}/password/", {"password1": secret}).status_code == 403
    assert not other.groups.exists()


def test_a_limited_admin_sees_and_revokes_no_token(site: Site) -> None:
    client = browser("admin", sites=[site])
    listed = {"action": "revoke", "_selected_action": [str(ApiToken.objects.get().pk)]}
    assert client.post(path(ApiToken), listed).status_code == 403
    assert ApiToken.objects.get().revoked_at is None


@pytest.mark.parametrize("model", [SiteAccess, User, ApiToken])
def test_the_index_offers_a_limited_admin_no_such_page(site: Site, model: Any) -> None:
    assert path(model) not in visible(browser("admin", sites=[site]), "/admin/")


def test_an_admin_of_all_sites_gives_and_takes_sites(site: Site) -> None:
    client = browser("admin")
    access = SiteAccess.objects.get(user__username="somebody")
    assert path(SiteAccess) in visible(client, "/admin/")
    response = save(client, path(SiteAccess, "change", access), all_sites="on")
    assert "changed successfully" in text(response)
    access.refresh_from_db()
    assert access.all_sites
    assert client.get(path(User)).status_code == client.get(path(ApiToken)).status_code == 200


def test_who_has_a_row_for_all_sites_is_not_limited(site: Site) -> None:
    client = browser("admin", sites=[])
    assert client.get(path(SiteAccess)).status_code == 403
    SiteAccess.objects.filter(pk=own().pk).update(all_sites=True)
    assert client.get(path(SiteAccess)).status_code == 200


# Deleting a device; what becomes of its keys in Redis is in tests/integration


def test_the_page_before_says_what_goes_and_what_stays(site: Site) -> None:
    page = visible(browser("admin"), path(Device, "delete", Device.objects.get(pk="box-1")))
    for words in ("Config versions: 1", "Cameras: 1", "Its alerts and their pictures stay", "manage.py revoke_device"):
        assert words in page
    assert "Yes, I’m sure" in page


def test_several_devices_at_once_are_not_deleted(site: Site) -> None:
    client = browser("admin")
    assert "delete_selected" not in visible(client, path(Device))
    client.post(path(Device), {"action": "delete_selected", "_selected_action": ["box-1", "box-2"], "post": "yes"})
    assert Device.objects.count() == 2


def test_who_may_not_delete_a_device_does_not(site: Site) -> None:
    url = path(Device, "delete", Device.objects.get(pk="box-2"))
    group = Group.objects.create(name="half")
    group.permissions.set(Permission.objects.filter(codename__in=["view_device", "delete_device"]))
    half = browser("")
    get_user_model().objects.get(username="the ").groups.add(group)
    for client in (browser("viewer"), browser("operator"), browser("admin", sites=[site]), half):
        assert client.post(url, {"post": "yes"}).status_code in (302, 403)
    assert "Cannot delete device" in visible(half, url)
    assert Device.objects.filter(pk="box-2").exists()
    assert Camera.objects.filter(pk="vid2").exists()
    assert ConfigVersion.objects.filter(device="box-2").exists()
