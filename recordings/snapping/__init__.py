"""Snapshots that the hub takes by itself, every so many minutes (docs/recordings.md)."""
