from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseProblem  # also of InterfaceError, which is no DatabaseError
from django.db import connection
from django.utils import timezone
from redis.exceptions import RedisError

from cameras.acl_users import AclKeeper
from cameras.reconcile import Reconciler
from cameras.rollouts.stepping import RolloutStepper
from detection.alert_life.escalation import Escalator
from detection.backtest.runner import BackTestRunner
from detection.hub.ingest import Ingest
from detection.hub.push import LivePusher
from detection.hub.stats import StatsRelay
from detection.hub.status import StatusReader
from detection.hub.store import tell_early
from detection.models import Alert
from detection.notifying.states import IDLE_S as BROKER_SECONDS
from detection.notifying.states import MqttStates
from detection.notifying.trials import step as trial_step
from detection.notifying.worker import Notifier
from detection.reports import services as reports
from edgesite.redis_clients import connect, describe
from edgesite.storage import StorageError
from edgesite.worker import Loop, Step, stop_on_signals
from recordings.evidence import retention
from recordings.extracts import retention as extract_retention
from recordings.extracts import services as extracts
from recordings.objects import services as objects
from recordings.orders.worker import Orders
from recordings.snapping import services as snapping
from recordings.snapping.retention import SnapshotRetention
from recordings.stored_clips import retention as clip_retention
from recordings.tasks import services as recording_tasks
from recordings.timelapses import retention as film_retention
from recordings.timelapses.worker import FilmMaker
from recordings.uploads import stale as stale_uploads

log = structlog.get_logger(__name__)

RECONCILE_SECONDS = 15.0
STATUS_SECONDS = 0.5
ROLLOUT_SECONDS = 1.0
BACKTEST_SECONDS = 0.5
TASK_SECONDS = 1.0
EXTRACT_SECONDS = 0.5
SNAP_SECONDS = FILM_SECONDS = 1.0
ESCALATE_SECONDS = 5.0
RETENTION_SECONDS = 60.0
REPORT_SECONDS = 600.0
TRIAL_SECONDS = 2.0
ORDER_SECONDS = 0.0  # each step waits by itself
INGEST_SECONDS = 0.0  # each step waits by itself, and an alert or a picture should not wait for the next
END_SECONDS = 4.0  # for all loops together
EXPECTED = (RedisError, DatabaseProblem, StorageError)


def _explain(error: Exception) -> str:
    if isinstance(error, StorageError):
        return str(error)
    return describe(error) if isinstance(error, RedisError) else f"database: {error}"


def _database(step: Step) -> Step:
    """A step that gives up a database connection that failed, so that the next try makes a new one."""

    def guarded() -> bool:
        try:
            return step()
        except DatabaseProblem:
            connection.close()
            raise

    return guarded


def _wait_for(threads: Iterable[threading.Thread], seconds: float) -> None:
    """Until all have ended, at most so long for all of them."""
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


class Command(BaseCommand):
    help = "The hub's worker: publishes, reconciles, takes in events and reports, feeds the live pages."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = stop_on_signals()
        pusher = LivePusher()

        def alerts_changed(event_ids: list[str]) -> None:
            newest = Alert.objects.order_by("-id").values_list("id", flat=True).first() or 0
            pusher.alerts(newest=newest, changed=event_ids)

        ingest = Ingest(client=connect(settings.CLOUD_REDIS_URL), changed=alerts_changed, rest=stop.wait)
        relay = StatsRelay(
            cloud=connect(settings.CLOUD_REDIS_URL), own=connect(settings.CHANNEL_REDIS_URL), pusher=pusher
        )
        status = StatusReader(client=connect(settings.CLOUD_REDIS_URL), cameras_changed=pusher.cameras)
        reconciler = Reconciler(connect(settings.CLOUD_REDIS_URL))
        keeper = AclKeeper(connect(settings.CLOUD_REDIS_URL))
        rollouts = RolloutStepper(connect(settings.CLOUD_REDIS_URL))
        backtests = BackTestRunner()
        brokers = MqttStates()
        commands = connect(settings.CLOUD_REDIS_URL)
        orders = Orders(connect(settings.CLOUD_REDIS_URL), tell_early)
        escalator = Escalator(clock=timezone.now, changed=alerts_changed)
        steps: list[tuple[str, Step, float]] = [
            ("reconcile", reconciler.step, RECONCILE_SECONDS),
            ("Redis users", keeper.step, RECONCILE_SECONDS),
            ("staged publishes", rollouts.step, ROLLOUT_SECONDS),
            ("back-tests", backtests.step, BACKTEST_SECONDS),
            ("retention", retention.step, RETENTION_SECONDS),
            ("report rows", lambda: reports.step(now=timezone.now()), REPORT_SECONDS),
            ("extracts", extracts.step, EXTRACT_SECONDS),
            ("retention of extracts", extract_retention.step, RETENTION_SECONDS),
            ("objects of nobody", objects.Tidying(stop).step, objects.LOOK_SECONDS),
            ("unfinished uploads", stale_uploads.step, stale_uploads.LOOK_SECONDS),
            ("retention of clips", clip_retention.step, RETENTION_SECONDS),
            ("scheduled snapshots", snapping.step, SNAP_SECONDS),
            ("retention of snapshots", SnapshotRetention(stop).step, RETENTION_SECONDS),
            ("time-lapses", FilmMaker(stop).step, FILM_SECONDS),
            ("retention of time-lapses", film_retention.step, RETENTION_SECONDS),
            ("brokers", brokers.step, BROKER_SECONDS),
            ("test alerts", lambda: trial_step(client=commands, now=timezone.now()), TRIAL_SECONDS),
            ("escalation", escalator.step, ESCALATE_SECONDS),
            ("recording tasks", recording_tasks.step, TASK_SECONDS),
            ("snapshot requests", orders.step, ORDER_SECONDS),
            ("ingest", ingest.step, INGEST_SECONDS),
            ("stats", relay.step, 0.1),
            ("status", status.step, STATUS_SECONDS),
            *Notifier(stop).loops(),
        ]
        loops = [Loop(name, _database(step), stop, idle_s, EXPECTED, _explain) for name, step, idle_s in steps]
        log.info("hub started")
        threads = [loop.start() for loop in loops]
        stop.wait()
        _wait_for(threads, END_SECONDS)
        backtests.close()
        brokers.close()
        pusher.close()
        log.info("hub stopped")
        if any(thread.is_alive() for thread in threads):
            log.error("a loop did not end in time", loops=[t.name for t in threads if t.is_alive()])
            sys.exit(1)
