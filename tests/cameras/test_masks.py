"""Privacy masks: ROIs that people draw in the editor, that no box is told of, and that not everybody takes away."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from cameras.core.masks import LINE_IS_NO_AREA, MASK_HAS_NO_RULES, MASK_STAYS
from cameras.core.transfer_file import TransferError
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.restoring import VersionError
from cameras.selectors import row_fingerprints
from cameras.services import issue_version, publish_edit
from cameras.transfer.services import Upload, export_site, prepare
from cameras.versions import content_of_version, roll_back
from tests.cameras.pages import browser, path, save, text, two_sites, versions
from tests.cameras.regions_page import Editor, refused
from tests.cameras.test_transfer_admin import page, upload
from tests.rows import SQUARE, make_binding, make_camera, make_roi

pytestmark = pytest.mark.django_db

DESK = {"roi_id": None, "name": "Desk", "roi_type": "rectangle", "coordinates": [[0.6, 0.6], [0.9, 0.9]], "mask": True}
KEPT = {"roi_id": "roi-1"}


@pytest.fixture
def editor() -> Editor:
    two_sites()
    return Editor(browser("operator"))


def drawn(editor: Editor) -> dict[str, Any]:
    """The mask as the editor has it once it is saved."""
    status, data = editor.put([KEPT, DESK])
    assert status == 200, data
    [desk] = [roi for roi in data["rois"] if roi["name"] == "Desk"]
    assert desk["mask"]
    return dict(desk)


def test_a_mask_is_drawn_and_audited_and_no_box_is_told_of_it(editor: Editor) -> None:
    before, prints = versions(), row_fingerprints()
    desk = drawn(editor)
    assert versions() == before
    assert row_fingerprints() == prints
    assert issue_version(device_id="box-1", author="kim") is None
    assert not editor.load()["publish"]["pending"]
    entry = ROI.history.filter(roi_id=desk["roi_id"]).get()
    assert (entry.mask, entry.history_author) == (True, "the operator")


def test_a_region_that_becomes_a_mask_leaves_the_document(editor: Editor) -> None:
    make_roi("spare", camera=Camera.objects.get(pk="vid1"))
    publish_edit(device_ids=["box-1"], author="setup")
    before = versions()
    status, _ = editor.put([KEPT, {"roi_id": "spare", "mask": True}])
    assert (status, versions()) == (200, before + 1)
    newest = ConfigVersion.objects.filter(device="box-1").order_by("-version").first()
    assert [roi["roi_id"] for roi in content_of_version(newest)["rois"]] == ["roi-1"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"roi_type": "line", "coordinates": [[0, 0], [1, 1]]}, LINE_IS_NO_AREA),
        ({"binds": [{"algo_code": "intrusion"}]}, MASK_HAS_NO_RULES),
        ({"mask": "yes"}, "must be true or false"),
    ],
)
def test_a_mask_is_an_area_without_rules(editor: Editor, row: dict[str, Any], message: str) -> None:
    [(index, field, said)] = refused(editor.put([KEPT, DESK | row]))
    assert (index, field, said) == (1, "mask", message)


def test_a_region_with_a_rule_is_no_mask_and_a_rule_names_none(editor: Editor) -> None:
    assert refused(editor.put([KEPT | {"mask": True}])) == [(0, "mask", MASK_HAS_NO_RULES)]
    desk = drawn(editor)
    steps = {"algo_code": "procedure", "params": {"steps": [{"roi_id": desk["roi_id"]}]}}
    rule = {"roi_id": None, "roi_type": "polygon", "coordinates": SQUARE, "binds": [steps]}
    [(_, _, said)] = refused(editor.put([KEPT, {"roi_id": desk["roi_id"]}, rule]))
    assert said.startswith("there is no ROI")


@pytest.mark.parametrize("change", [{"mask": False}, {"coordinates": [[0.8, 0.8], [0.9, 0.9]]}, None])
def test_who_may_not_lift_masks_changes_and_removes_none(editor: Editor, change: dict[str, Any] | None) -> None:
    desk = drawn(editor)
    rows = [KEPT, *([] if change is None else [{"roi_id": desk["roi_id"]} | change])]
    [(index, field, said)] = refused(editor.put(rows))
    assert (index, field, said) == (-1 if change is None else 1, "mask", MASK_STAYS)
    assert ROI.objects.get(roi_id=desk["roi_id"]).coordinates == desk["coordinates"]
    renamed = {"roi_id": desk["roi_id"], "name": "Counter", "color": 4}
    assert editor.put([KEPT, renamed])[0] == 200  # it hides what it hid
    assert Editor(browser("admin")).put(rows)[0] == 200


def test_the_forms_of_the_admin_keep_masks_too(editor: Editor) -> None:
    desk = ROI.objects.get(roi_id=drawn(editor)["roi_id"])
    operator, admin = editor.client, browser("admin")
    camera = path(Camera, "change", desk.camera)
    assert 'value="Desk"' not in text(operator.get(camera))
    assert 'value="Desk"' in text(admin.get(camera))
    assert 'name="_save"' not in text(operator.get(path(ROI, "change", desk)))
    assert operator.post(path(ROI, "change", desk), {"name": "x"}).status_code == 403
    assert operator.post(path(ROI, "delete", desk), {"post": "yes"}).status_code == 403
    gone = {"action": "delete_selected", "_selected_action": [desk.pk], "post": "yes"}
    operator.post(path(ROI), gone)
    operator.post(path(Camera, "delete", desk.camera), {"post": "yes"})
    assert ROI.objects.filter(pk=desk.pk).exists()
    save(admin, path(ROI, "change", desk), mask=None)
    assert not ROI.objects.get(pk=desk.pk).mask


def test_with_its_device_a_mask_goes_only_by_who_may_lift_it(editor: Editor) -> None:
    desk = ROI.objects.get(roi_id=drawn(editor)["roi_id"])
    client, page = browser("admin"), path(Device, "delete", desk.camera.device)
    rights = Permission.objects.filter(content_type__app_label="cameras").exclude(codename="lift_masks")
    user = User.objects.get(pk=client.session["_auth_user_id"])
    user.groups.clear()
    user.user_permissions.set(rights)
    assert "privacy mask" in text(client.get(page))
    assert 'name="post"' not in text(client.get(page))
    assert client.post(page, {"post": "yes"}).status_code == 403
    assert ROI.objects.filter(pk=desk.pk).exists()
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="cameras"))
    assert 'name="post"' in text(client.get(page))


def test_a_row_that_is_no_mask_is_refused_wherever_it_comes_from(editor: Editor) -> None:
    camera = Camera.objects.get(pk="vid1")
    line = ROI(camera=camera, roi_type="line", coordinates=[[0, 0], [1, 1]], mask=True)
    with pytest.raises(ValidationError, match=LINE_IS_NO_AREA):
        line.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        line.save()
    ruled = ROI.objects.get(roi_id="roi-1")
    ruled.mask = True
    with pytest.raises(ValidationError, match="has no rules"):
        ruled.full_clean()
    mask = make_roi("desk", camera=camera, mask=True)
    with pytest.raises(ValidationError, match="has no rules"):
        Binding(roi=mask, algo_code="intrusion", params={}).full_clean()


def test_a_rollback_takes_no_mask_away(editor: Editor) -> None:
    first = ConfigVersion.objects.get(device="box-1")
    desk = drawn(editor)
    editor.put([KEPT | {"name": "Hall"}, {"roi_id": desk["roi_id"]}])
    roll_back(device_id="box-1", version=first.version, author="kim")
    assert ROI.objects.get(roi_id=desk["roi_id"]).mask
    late = make_roi("late", camera=make_camera("vid9", device=Device.objects.get(pk="box-1")), mask=True)
    with pytest.raises(VersionError, match="vid9 would go with its privacy masks"):
        roll_back(device_id="box-1", version=first.version, author="kim")
    late.delete()
    Binding.objects.filter(roi__camera="vid1").delete()
    ROI.objects.filter(roi_id="roi-1").update(mask=True)
    publish_edit(device_ids=["box-1"], author="kim")
    with pytest.raises(VersionError, match="roi-1 is a privacy mask now"):
        roll_back(device_id="box-1", version=first.version, author="kim")


def test_masks_are_copied_exported_and_imported(editor: Editor) -> None:
    desk, site = drawn(editor), Site.objects.get(name="Kitchen")
    status, _ = Editor(browser("admin")).post("copy", {"roi_ids": [desk["roi_id"]], "camera_ids": ["vid2"]})
    assert (status, ROI.objects.filter(camera="vid2", mask=True).count()) == (200, 1)
    for kind in ("yaml", "csv"):
        given = export_site(site, kind)
        plan, _ = prepare(site=site, upload=Upload(f"site.{kind}", given.encode(), False))
        assert plan.changes == []
    rule = "format: 1\nbindings:\n- {bind_id: b9, roi: %s, algo_code: intrusion}\n" % desk["roi_id"]  # noqa: UP031  braces
    with pytest.raises(TransferError, match="has no rules"):
        prepare(site=site, upload=Upload("site.yaml", rule.encode(), False))
    lifted = "format: 1\nrois:\n- {roi_id: %s, mask: false}\n" % desk["roi_id"]  # noqa: UP031
    plan, _ = prepare(site=site, upload=Upload("site.yaml", lifted.encode(), False))
    assert ["privacy mask" in str(change) for change in plan.changes] == [True]
    assert make_binding("b8", roi=ROI.objects.get(roi_id="roi-1")).pk  # others are as they were


def test_an_import_takes_no_mask_away_for_who_may_not_lift_it(editor: Editor) -> None:
    desk, site, admin = drawn(editor)["roi_id"], Site.objects.get(name="Kitchen"), browser("admin")
    for change in ("mask: false", "coordinates: [[0.8, 0.8], [0.9, 0.9]]"):
        lifted = f"format: 1\nrois:\n- {{roi_id: {desk}, {change}}}\n"
        assert MASK_STAYS in page(upload(editor.client, site, lifted))
        assert MASK_STAYS not in page(upload(admin, site, lifted))
    assert MASK_STAYS in page(upload(editor.client, site, "format: 1\nrois: []\n", delete=True))
    assert MASK_STAYS not in page(upload(editor.client, site, f"format: 1\nrois: [{{roi_id: {desk}, name: Till}}]\n"))
