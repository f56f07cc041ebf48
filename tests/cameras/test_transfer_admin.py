"""Import and export on a site's page: dry run, confirmation, permissions, other sites, no secrets."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cameras import services
from cameras.issued import ConfigVersion
from cameras.models import Camera, Device, Site
from cameras.publish import Outcome
from cameras.services import publish_edit
from cameras.transfer.building import LARGEST
from tests.cameras.pages import browser
from tests.rows import PASSWORD, SOURCE, make_all, make_person
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db

RENAME = "format: 1\ncameras: [{camera_id: vid1, name: Line 9}]"


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "write_document", lambda *args, **values: Outcome.WRITTEN)


@pytest.fixture
def site() -> Site:
    for number, name in ((1, "Kitchen"), (2, "Warehouse")):
        publish_edit(device_ids=[make_all(f"box-{number}", site=name, number=number).pk], author="setup")
    return Site.objects.get(name="Kitchen")


def url(site: Site, what: str) -> str:
    return f"/admin/cameras/site/{site.pk}/{what}/"


def upload(client: Client, site: Site, text: str | bytes, *, name: str = "s.yaml", delete: bool = False) -> Any:
    data = text.encode() if isinstance(text, str) else text
    fields: dict[str, Any] = {"file": SimpleUploadedFile(name, data)}
    if delete:
        fields["delete"] = "on"
    return client.post(url(site, "import"), fields)


def page(response: Any) -> str:
    return unescape(response.content.decode())


def confirmation(response: Any) -> dict[str, Any]:
    """The confirming form's fields."""
    return {name: Form(response.content.decode()).fields[name] for name in ("sealed", "state")}


def confirm(client: Client, site: Site, response: Any) -> Any:
    return client.post(url(site, "import/confirm"), confirmation(response), follow=True)


@pytest.mark.parametrize(
    ("kind", "text"), [("yaml", "camera_id: vid1"), ("json", '"camera_id": "vid1"'), ("csv", "vid1,")]
)
def test_a_viewer_exports_with_masked_urls(site: Site, kind: str, text: str) -> None:
    client = browser("viewer", sites=[site])
    assert url(site, f"export/{kind}") in page(client.get(url(site, "change")))
    response = client.get(url(site, f"export/{kind}"))
    content = response.content.decode()
    assert text in content
    assert "rtsp://admin:***@10.0.0.5:554/stream1" in content
    assert PASSWORD not in content
    assert "vid2" not in content
    assert response["Content-Disposition"].endswith(f'kitchen.{kind}"')
    assert client.post(url(site, f"export/{kind}")).status_code == 405
    assert client.get(url(site, "export/exe")).status_code == 404


def test_the_difference_is_shown_before_anything_changes(site: Site) -> None:
    client = browser("operator")
    assert url(site, "import") in page(client.get(url(site, "change")))
    assert client.get(url(site, "import")).status_code == 200
    shown = upload(client, site, RENAME)
    assert "Camera Line 9: name Line 1 → Line 9" in page(shown)
    assert "box-1" in page(shown)
    assert Camera.objects.get(pk="vid1").name == "Line 1"
    done = confirm(client, site, shown)
    assert Camera.objects.get(pk="vid1").name == "Line 9"
    assert "Imported s.yaml. Changes: 1." in page(done)
    assert "Published to box-1 as version 2." in page(done)
    assert ConfigVersion.objects.filter(device="box-1").count() == 2
    assert LogEntry.objects.get().get_change_message() == "Imported s.yaml. Changes: 1."


def test_an_export_imported_again_has_nothing_to_confirm(site: Site) -> None:
    client = browser("operator")
    for kind in ("yaml", "json", "csv"):
        text = client.get(url(site, f"export/{kind}")).content
        shown = upload(client, site, text, name=f"s.{kind}")
        assert shown.status_code == 200
        assert "Nothing. The site is as the file says." in page(shown)
        assert "sealed" not in page(shown)


def test_every_problem_is_listed_by_line_and_no_secret_with_it(site: Site) -> None:
    text = f"camera_id,device,rtsp_url\nvid3,box-1,http://u:{PASSWORD}@h/1\nvid4,nowhere,{SOURCE}\nvid2,box-1,\n"
    response = upload(browser("operator"), site, text, name="c.csv")
    assert response.status_code == 422
    content = page(response)
    assert "line 2, cameras[0].rtsp_url: must begin with rtsp://" in content
    assert "line 3, cameras[1].device: there is no device “nowhere” at this site or in the file" in content
    assert "line 4, cameras[2].camera_id: “vid2” belongs to another site" in content
    assert PASSWORD not in content
    assert Camera.objects.count() == 2


def test_a_password_in_the_file_is_on_no_page(site: Site) -> None:
    client = browser("operator")
    text = f'format: 1\ncameras: [{{camera_id: vid3, device: box-1, rtsp_url: "{SOURCE}x"}}]'
    shown = upload(client, site, text)
    assert PASSWORD not in page(shown)
    assert PASSWORD not in page(confirm(client, site, shown))
    assert Camera.objects.get(pk="vid3").rtsp_url == f"{SOURCE}x"


def test_a_site_that_changed_meanwhile_shows_the_new_difference(site: Site) -> None:
    client = browser("operator")
    shown = upload(client, site, RENAME)
    Camera.objects.filter(pk="vid1").update(name="Other")
    again = client.post(url(site, "import/confirm"), confirmation(shown))
    assert again.status_code == 409
    assert "Camera Line 9: name Other → Line 9" in page(again)
    assert Camera.objects.get(pk="vid1").name == "Other"
    confirm(client, site, again)
    assert Camera.objects.get(pk="vid1").name == "Line 9"


def test_a_confirmation_is_for_one_person_and_one_site(site: Site) -> None:
    client = browser("operator")
    fields = confirmation(upload(client, site, RENAME))
    other = browser("admin")
    for someone, where in ((other, site), (client, Site.objects.get(name="Warehouse"))):
        response = someone.post(url(where, "import/confirm"), fields)
        assert response.status_code == 422
        assert "does not belong to this page" in page(response)
    assert client.get(url(site, "import/confirm")).status_code == 405
    assert client.post(url(site, "import/confirm"), {}).status_code == 422
    assert Camera.objects.get(pk="vid1").name == "Line 1"


def test_other_sites_do_not_exist(site: Site) -> None:
    other = Site.objects.get(name="Warehouse")
    for role in ("viewer", "operator", "admin"):
        client = browser(role, sites=[site])
        for what in ("export/yaml", "export/csv", "import"):
            assert client.get(url(other, what)).status_code == 404
        assert client.post(url(other, "import/confirm"), {}).status_code == 404


def test_who_may_only_look_cannot_import(site: Site) -> None:
    client = browser("viewer")
    assert url(site, "import") not in page(client.get(url(site, "change")))
    assert client.get(url(site, "import")).status_code == 403
    assert upload(client, site, RENAME).status_code == 403
    assert client.post(url(site, "import/confirm"), {}).status_code == 403


def test_who_sees_the_site_but_no_camera_cannot_export(site: Site) -> None:
    person = make_person("gate")
    person.user_permissions.add(Permission.objects.get(codename="view_site"))
    client = Client()
    client.force_login(person)
    assert "export" not in page(client.get(url(site, "change")))
    assert client.get(url(site, "export/csv")).status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_camera"))
    assert client.get(url(site, "export/csv")).status_code == 200
    assert client.get(url(site, "export/yaml")).status_code == 403


def test_deleting_needs_its_own_permission_until_the_end(site: Site) -> None:
    person = make_person("editor")
    models = ("camera", "roi", "binding", "schedule")
    codes = ["view_site", *(f"{act}_{model}" for act in ("view", "add", "change", "delete") for model in models)]
    person.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client = Client()
    client.force_login(person)
    shown = upload(client, site, "format: 1\ncameras: []", delete=True)
    assert "Camera Line 1 removed" in page(shown)
    person.user_permissions.remove(Permission.objects.get(codename="delete_roi"))
    assert client.post(url(site, "import/confirm"), confirmation(shown)).status_code == 403
    assert upload(client, site, "format: 1\ncameras: []", delete=True).status_code == 403
    assert 'name="delete"' not in page(client.get(url(site, "import")))
    assert Camera.objects.filter(pk="vid1").exists()
    person.user_permissions.add(Permission.objects.get(codename="delete_roi"))
    client.post(url(site, "import/confirm"), confirmation(shown))
    assert set(Camera.objects.values_list("pk", flat=True)) == {"vid2"}
    assert Device.objects.filter(pk="box-1").exists()


def test_the_site_and_its_devices_are_for_those_who_may_change_them(site: Site) -> None:
    text = "format: 1\nsite: {name: Big kitchen}\ndevices: [{device_id: box-1, name: Box}, {device_id: box-5}]"
    response = upload(browser("operator"), site, text)
    assert response.status_code == 422
    for problem in (
        "line 2, site: your role may not change the site itself",
        "line 3, devices: your role may not add devices",
        "line 3, devices: your role may not change devices",
    ):
        assert problem in page(response)
    client = browser("admin")
    confirm(client, site, upload(client, site, text))
    assert Device.objects.get(pk="box-5").site.name == "Big kitchen"


def test_too_large_and_missing_files_are_refused(site: Site, settings: Any) -> None:
    client = browser("operator")
    assert "larger than 5 MB" in page(upload(client, site, b"#" * (LARGEST + 1)))
    assert "field is required" in page(client.post(url(site, "import"), {}))
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
    assert "too large to be confirmed here" in page(upload(client, site, RENAME))


def test_names_from_the_file_are_escaped_and_the_page_has_no_script(site: Site) -> None:
    client = browser("operator")
    shown = upload(client, site, "format: 1\ncameras: [{camera_id: vid1, name: '<script>x</script>'}]")
    assert b"<script>x" not in shown.content
    assert b" style=" not in shown.content.partition(b'id="content-main"')[2].partition(b"</form>")[0]
    assert b" on" + b"click" not in shown.content


def test_a_site_whose_rows_make_no_document_says_so_after_the_import(site: Site) -> None:
    Camera.objects.filter(pk="vid1").update(max_fps=500)
    client = browser("operator")
    done = confirm(client, site, upload(client, site, RENAME))
    assert "Saved, but not published to box-1" in page(done)
    assert Camera.objects.get(pk="vid1").name == "Line 9"
