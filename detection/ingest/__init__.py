"""Cameras to frames: opening what a camera's URL names, decoding it, and keeping at it when it goes away."""
