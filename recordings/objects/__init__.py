"""Objects that the hub answers for: each goes from the storage once nothing refers to it any more."""
