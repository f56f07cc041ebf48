"""Snapshots that integrators ask for through Redis (DESIGN 5.3), and answers that come from another installation."""
