from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DetectionConfig(AppConfig):
    name = "detection"
    verbose_name = _("Detection")

    def ready(self) -> None:
        from cameras import audit_log  # noqa: PLC0415
        from cameras.core.algorithms import registry  # noqa: PLC0415
        from detection import checks  # noqa: F401, PLC0415  # registers itself
        from detection.alert_life.escalation_models import EscalationRule  # noqa: PLC0415
        from detection.alert_life.evidence import note_viewed  # noqa: PLC0415
        from detection.alert_life.marks import alert_marks  # noqa: PLC0415
        from detection.backtest.selectors import may_see_picture  # noqa: PLC0415
        from detection.core.rules.registry import register_all  # noqa: PLC0415
        from detection.evidence import CAPTURES, captures_removed  # noqa: PLC0415
        from detection.metrics import alert_metrics, camera_metrics  # noqa: PLC0415
        from detection.model_choice import known_classes  # noqa: PLC0415
        from detection.notifying.models import Channel, NotificationRule  # noqa: PLC0415
        from detection.notifying.watching import notification_metrics, trial_warning  # noqa: PLC0415
        from detection.selectors import may_see_capture, may_see_clip, open_alerts  # noqa: PLC0415
        from edgesite import health, metrics  # noqa: PLC0415
        from recordings import access  # noqa: PLC0415
        from recordings.alert_clips.selectors import FOLDER as CLIPS  # noqa: PLC0415
        from recordings.evidence import retention  # noqa: PLC0415
        from recordings.objects import services as objects  # noqa: PLC0415
        from recordings.stored_clips import retention as clip_retention  # noqa: PLC0415
        from recordings.timeline import marks  # noqa: PLC0415
        from recordings.uploads import grants  # noqa: PLC0415

        register_all(registry)
        audit_log.register(Channel, path="site")
        audit_log.register(NotificationRule, path="site")
        audit_log.register(EscalationRule, path="site", pointer="site")
        registry.classes = known_classes
        access.register(CLIPS, may_see_clip, note=note_viewed)
        access.register("captures", may_see_capture, note=note_viewed)
        grants.register("captures", CAPTURES)
        retention.register(captures_removed)
        objects.register(self.get_model("Alert"), "capture")
        clip_retention.register(open_alerts)
        marks.register(alert_marks)
        access.register("backtests", may_see_picture)
        metrics.register("cameras", camera_metrics)
        metrics.register("alerts", alert_metrics)
        metrics.register("notifications", notification_metrics)
        health.WARNINGS["test_alerts"] = trial_warning
