"""Who calls the API: a browser's session (with CSRF protection) or a machine's bearer token."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, JsonResponse
from ninja.errors import HttpError
from ninja.security import APIKeyCookie, HttpBearer

from edgesite.tokens import user_of_token

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class SessionAuth(APIKeyCookie):
    """The browser's login session; ninja checks the CSRF token of unsafe calls."""

    param_name = "sessionid"

    def __init__(self, permission: str = "") -> None:
        super().__init__()
        self.permission = permission

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        if not request.user.is_authenticated or not request.user.is_active:
            return None
        return require(request, self.permission) if self.permission else request.user


class TokenAuth(HttpBearer):
    """`Authorization: Bearer …` with a token made by `create_token`."""

    def __init__(self, permission: str = "") -> None:
        super().__init__()
        self.permission = permission

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        user = user_of_token(token)
        if user is None:
            return None
        request.user = user
        return require(request, self.permission) if self.permission else user


def permitted(permission: str) -> list[Any]:
    """`auth` of a call that only roles with the permission make: others get 403 before the request is looked at."""
    return [TokenAuth(permission), SessionAuth(permission)]


def signed_in(view: Callable[..., Any]) -> Callable[..., Any]:
    """For the documentation's pages: a session or a token; a browser without one is sent to the login."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = user_of_token(token) if scheme.lower() == "bearer" else request.user
        if user is not None and user.is_authenticated and user.is_active:
            return view(request, *args, **kwargs)
        if scheme or request.path.endswith(".json"):
            return JsonResponse({"detail": "Unauthorized"}, status=401)
        return redirect_to_login(request.get_full_path())

    return guarded


def require(request: HttpRequest, permission: str) -> User:
    """The caller, when its role has the permission; 403 otherwise."""
    user: User = request.user  # type: ignore[assignment]  # the API is never reached without authentication
    if not user.has_perm(permission):
        raise HttpError(403, "Your role does not allow this.")
    return user
