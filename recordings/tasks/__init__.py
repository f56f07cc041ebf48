"""Recording tasks on the hub: who wants what recorded, and what the boxes made of it."""
