"""The admin: configuration that people like to edit."""

from cameras.admin import audit, cameras, devices, rollouts, rules, sites

__all__ = ["audit", "cameras", "devices", "rollouts", "rules", "sites"]
