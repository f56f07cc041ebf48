"""Which seconds of which camera are recorded, as the boxes told."""
