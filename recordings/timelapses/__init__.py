"""Time-lapses: films of a camera's scheduled snapshots, made by the hub (docs/recordings.md)."""
