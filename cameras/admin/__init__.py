"""The admin: configuration that people like to edit."""

from cameras.admin import cameras, devices, rules, sites

__all__ = ["cameras", "devices", "rules", "sites"]
