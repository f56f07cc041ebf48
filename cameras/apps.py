from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CamerasConfig(AppConfig):
    name = "cameras"
    verbose_name = _("Configuration")

    def ready(self) -> None:
        from cameras.fleet import recording_warning  # noqa: PLC0415
        from cameras.metrics import device_metrics  # noqa: PLC0415
        from edgesite import health, metrics  # noqa: PLC0415

        metrics.register("devices", device_metrics)
        health.WARNINGS["recordings"] = recording_warning
