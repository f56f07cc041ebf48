"""Recordings of alerts on the hub: what the boxes told of them."""
