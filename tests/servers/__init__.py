"""Real servers that tests start and kill: RTSP cameras and Redis."""
