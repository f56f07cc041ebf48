from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class EdgesiteAdminConfig(AdminConfig):
    """The stock admin on a site of our own."""

    default_site = "edgesite.admin_site.EdgesiteAdminSite"
