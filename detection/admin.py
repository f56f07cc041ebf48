"""What of this app the admin shows; each part registers itself."""

from detection.admin_backtest import BackTestAdmin  # noqa: F401
from detection.alert_life.admin import AlertAdmin  # noqa: F401
from detection.alert_life.escalation_admin import EscalationRuleAdmin  # noqa: F401
from detection.notifying import admin as notifying_admin  # noqa: F401
from detection.reports.admin import CoverageHourAdmin  # noqa: F401
