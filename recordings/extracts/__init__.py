"""Extracts on the hub: what people want to play or export of recordings, and what the boxes made of it."""
