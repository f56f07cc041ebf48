"""The box's side of recordings: what `run_recorder` runs."""
