"""Reads, limited to what the person may see: back-tests of cameras whose bindings they may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from cameras.models import Camera
from cameras.selectors import visible_cameras
from detection.backtest.files import name_in
from detection.backtest.models import BackTest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PERMISSION = "cameras.change_binding"


def may_backtest(user: User | AnonymousUser) -> bool:
    """Whoever may change bindings may try them, on the cameras that they may see."""
    return user.is_authenticated and user.has_perm(PERMISSION)


def backtest_cameras(user: User | AnonymousUser) -> QuerySet[Camera]:
    """The cameras whose bindings the person may try."""
    return visible_cameras(user) if may_backtest(user) else Camera.objects.none()


def visible_backtests(user: User | AnonymousUser) -> QuerySet[BackTest]:
    """Newest first."""
    return BackTest.objects.filter(camera__in=backtest_cameras(user)).order_by("-id")


def may_see_picture(user: User | AnonymousUser, key: str) -> bool:
    """Pictures only; an uploaded video is not given out again."""
    name = name_in(key)
    return name is not None and visible_backtests(user).filter(name=name).exists()
