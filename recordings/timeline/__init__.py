"""The timeline of a camera: what is recorded, what happened, and playing from any moment."""
