"""What a camera's URL names, and asking the camera before anything opens it; for all who read cameras."""
