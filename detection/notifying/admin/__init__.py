"""Notification channels, rules and the delivery log in the admin. Importing it registers them."""

from detection.notifying.admin import channels, deliveries, rules, trials  # noqa: F401
