"""How much a device may have under way at once. Pure.

After a long outage many devices come back at the same moment. Each begins with little and doubles while the hub confirms
quickly, and halves when it does not: what waits at the hub is then what it can do in some seconds, however many they are.
After the slow start and multiplicative decrease of V. Jacobson, "Congestion Avoidance and Control", SIGCOMM 1988.
"""

from __future__ import annotations

LEAST, MOST = 20, 500  # rows
QUICK_S, SLOW_S = 1.0, 4.0


class SendWindow:
    """`size` is in rows, over all cameras of the device."""

    def __init__(self, least: int = LEAST, most: int = MOST) -> None:
        self.least, self.most = least, most
        self.size = least

    def confirmed(self, waited_s: float) -> None:
        """A whole batch was confirmed, that long after it had been sent."""
        if waited_s < QUICK_S:
            self.size = min(self.most, self.size * 2)
        elif waited_s > SLOW_S:
            self.size = max(self.least, self.size // 2)

    def interrupted(self) -> None:
        """The connection was lost, or what was sent: begin again with little."""
        self.size = self.least
