"""API tokens: shown once, stored hashed, revocable, and never with more rights than before."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from cameras.models import SiteAccess
from edgesite.models import ApiToken
from edgesite.tokens import PREFIX, create_token, replace_token, user_of_token
from tests.rows import make_site

pytestmark = pytest.mark.django_db


def groups(token: str) -> list[str]:
    user = user_of_token(token)
    assert user is not None
    return [group.name for group in user.groups.all()]


def test_a_token_has_its_role_and_only_its_hash_is_stored() -> None:
    token = create_token(name="scada", role="viewer")
    assert token.startswith(PREFIX)
    assert len(token) > 40
    row = ApiToken.objects.get()
    assert token not in f"{row.token_hash} {row.name} {row.user.username} {row.user.password}"
    assert not row.user.has_usable_password()
    assert not row.user.is_staff
    assert groups(token) == ["viewer"]


def test_nothing_else_is_a_token() -> None:
    token = create_token(name="scada", role="viewer")
    stored = ApiToken.objects.get().token_hash
    for wrong in ("", PREFIX, token[:-1], token + "x", token.upper(), stored, "é"):
        assert user_of_token(wrong) is None


def test_a_revoked_token_and_an_inactive_user_are_nobody() -> None:
    token = create_token(name="a", role="admin")
    ApiToken.objects.update(revoked_at=timezone.now())
    assert user_of_token(token) is None
    other = create_token(name="b", role="admin")
    user = user_of_token(other)
    assert user is not None
    user.is_active = False
    user.save()
    assert user_of_token(other) is None


def test_the_last_use_is_noted_at_most_once_a_minute() -> None:
    token = create_token(name="a", role="viewer")
    user_of_token(token)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    user_of_token(token)
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    user_of_token(token)
    again = ApiToken.objects.get().last_used_at
    assert again is not None
    assert again >= first


def test_a_name_is_given_once() -> None:
    create_token(name="a", role="viewer")
    with pytest.raises(ValueError, match=r"“a” exists already"):
        create_token(name="a", role="viewer")
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 100 characters"):
        create_token(name=name, role="viewer")


def test_a_name_is_free_again_after_its_token_was_deleted_in_the_admin() -> None:
    old = create_token(name="a", role="admin")
    SiteAccess.objects.create(user=ApiToken.objects.get().user)
    ApiToken.objects.all().delete()
    new = create_token(name="a", role="viewer")
    assert user_of_token(old) is None
    assert groups(new) == ["viewer"]


def test_a_replacement_ends_the_old_token_and_keeps_its_sites() -> None:
    old = create_token(name="a", role="admin")
    user = user_of_token(old)
    assert user is not None
    SiteAccess.objects.create(user=user).sites.set([make_site("North")])
    ApiToken.objects.update(revoked_at=timezone.now())
    new = replace_token(name="a", role="viewer")
    assert user_of_token(old) is None
    assert groups(new) == ["viewer"]
    assert [s.name for s in ApiToken.objects.get().user.site_access.sites.all()] == ["North"]


def test_replacing_what_is_not_there_makes_it() -> None:
    assert groups(replace_token(name="new", role="operator")) == ["operator"]


def test_the_command_prints_the_token_and_nothing_else() -> None:
    out = StringIO()
    call_command("create_token", "scada", "--role", "operator", stdout=out)
    token = out.getvalue().strip()
    assert groups(token) == ["operator"]
    with pytest.raises(CommandError, match="exists already"):
        call_command("create_token", "scada", "--role", "operator")
    out = StringIO()
    call_command("create_token", "scada", "--role", "viewer", "--replace", stdout=out)
    assert user_of_token(token) is None
    assert groups(out.getvalue().strip()) == ["viewer"]


def test_the_command_knows_three_roles() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("create_token", "scada", "--role", "root")
