"""Pages that belong to no app."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.utils.translation import gettext as _


class SiteLogin(LoginView):
    """The login for everybody: viewers need the live page but not the admin, whose own login takes staff only."""

    template_name = "admin/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = {**admin.site.each_context(self.request), "title": _("Log in"), "app_path": self.request.get_full_path()}
        return {**page, **super().get_context_data(**kwargs)}
