"""Three roles, each with what the one below it may do, as the migration made them."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from edgesite.roles import ADMIN, OPERATOR, ROLES, VIEWER, permissions, sync_roles
from tests.rows import make_person


def stored(role: str) -> set[tuple[str, str]]:
    rows = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    return set(rows)


def test_each_role_has_what_the_one_below_has() -> None:
    assert permissions(VIEWER) < permissions(OPERATOR) < permissions(ADMIN)


def test_a_viewer_only_looks_and_sees_no_document() -> None:
    assert {code.split("_")[0] for _, code in permissions(VIEWER)} == {"view"}
    assert ("cameras", "view_configversion") not in permissions(VIEWER)


def test_only_administrators_give_access() -> None:
    access = {("cameras", "change_siteaccess"), ("edgesite", "change_apitoken"), ("auth", "change_user")}
    assert not access & permissions(OPERATOR)
    assert access <= permissions(ADMIN)


def test_nobody_writes_what_only_the_hub_writes() -> None:
    for role in ROLES:
        writes = {code for _, code in permissions(role) if not code.startswith("view")}
        assert not {c for c in writes if c.endswith(("configversion", "devicestatus"))}
        assert "add_alert" not in writes
        assert "delete_alert" not in writes


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_the_migration_made_exactly_these(role: str) -> None:
    assert stored(role) == permissions(role)


@pytest.mark.django_db
def test_a_role_that_drifted_is_brought_back() -> None:
    viewer = Group.objects.get(name=VIEWER)
    viewer.permissions.add(Permission.objects.get(codename="delete_camera"))
    viewer.permissions.remove(Permission.objects.get(codename="view_alert"))
    sync_roles(_Registry(), None)
    assert stored(VIEWER) == permissions(VIEWER)


class _Registry:
    """The registry of a migration: its app configs are throw-away, unlike the real ones."""

    def get_app_config(self, label: str) -> object:
        return type("Config", (), {"label": label, "get_models": lambda self: [], "models_module": None})()

    def get_model(self, label: str, name: str) -> object:
        return apps.get_model(label, name)


@pytest.mark.django_db
def test_people_have_the_permissions_of_their_role() -> None:
    assert make_person("v", VIEWER).has_perm("detection.view_alert")
    assert not make_person("n").has_perm("detection.view_alert")
    assert not make_person("w", VIEWER).has_perm("cameras.change_camera")
    assert make_person("o", OPERATOR).has_perm("cameras.change_camera")
    assert make_person("a", ADMIN).has_perm("cameras.add_device")
