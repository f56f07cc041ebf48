"""Staged publish: canaries first, the rest when they proved it, a stop with its reason when too many did not."""
