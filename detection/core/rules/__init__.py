"""Rules: what turns tracked objects into alerts. One file a rule, one line in `registry.py`."""

from detection.core.rules.registry import make_rule, register_all

__all__ = ["make_rule", "register_all"]
