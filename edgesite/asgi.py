"""What daphne serves: Django over HTTP, Channels over WebSocket."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edgesite.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

http = get_asgi_application()

from detection.routing import websocket_urlpatterns  # noqa: E402
from edgesite.checks import require_sound_settings  # noqa: E402

require_sound_settings()

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
