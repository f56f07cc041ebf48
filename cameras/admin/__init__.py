"""The admin: configuration that people like to edit."""

from cameras.admin import audit, cameras, devices, rollouts, rules, schedules, sites

__all__ = ["audit", "cameras", "devices", "rollouts", "rules", "schedules", "sites"]
