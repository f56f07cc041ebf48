from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CamerasConfig(AppConfig):
    name = "cameras"
    verbose_name = _("Configuration")

    def ready(self) -> None:
        from cameras.metrics import device_metrics  # noqa: PLC0415
        from edgesite import metrics  # noqa: PLC0415

        metrics.register("devices", device_metrics)
