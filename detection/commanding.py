"""Which of the hub's commands a detector's process does, and the loops that do them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from cameras.core.document import Document
from detection import probes, snapshots, trials, watching
from detection.analyser import Analyser
from detection.ingest.reader import CameraReader
from detection.probes import Probes
from detection.snapshots import Snapshots
from detection.trials import Trials
from detection.watching import Watches
from edgesite.command_listener import CommandListener, Lane
from edgesite.edge_store.commands import CommandStore
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import Outbox
from edgesite.redis_clients import connect
from edgesite.worker import Step

SNAPSHOT_THREADS = 2
KINDS = (probes.KIND, snapshots.KIND, trials.KIND, watching.KIND)  # what a box does, as its report says


def command_loops(
    *,
    device_id: str,
    cloud_redis_url: str,
    database: EdgeDatabase,
    readers: Callable[[], Mapping[str, CameraReader]],
    document: Callable[[], Document | None],
    stop: threading.Event,
    transport: str,
    whole_box: bool,
    elsewhere: Callable[[str], bool] = lambda camera_id: False,
    analyser: Analyser | None = None,
) -> list[tuple[str, Step, float]]:
    """Name, step and idle seconds of each thread.

    Every process of a box listens; the edge store settles who obeys. whole_box: not one of several that share the cameras.
    elsewhere: cameras that other processes of the box may run. analyser: of this process; it takes the watches up.
    """
    client = connect(cloud_redis_url)
    pictures = Snapshots(device_id, client, readers, document, whole_box=whole_box, elsewhere=elsewhere)
    lanes = {snapshots.KIND: Lane(pictures, prepare=pictures.prepare)}
    steps: list[tuple[str, Step, float]] = [
        (f"snapshots {n}", lanes[snapshots.KIND].step, 0.0) for n in range(1, SNAPSHOT_THREADS + 1)
    ]
    watches = Watches(device_id, client, readers, document, whole_box=whole_box, elsewhere=elsewhere)
    if analyser is not None:
        watches.class_names = tuple(analyser.detector.classes)
        analyser.watches = watches
    lanes[watching.KIND] = Lane(watches)
    steps += [("watches", lanes[watching.KIND].step, 0.0), ("previews", watches.step, 0.0)]
    if whole_box:
        lanes[probes.KIND] = Lane(Probes(device_id, client, document, stop, transport))
        lanes[trials.KIND] = Lane(Trials(device_id, Outbox(database)))
        steps += [("probes", lanes[probes.KIND].step, 0.0), ("test alerts", lanes[trials.KIND].step, 0.0)]
    listener = CommandListener(device_id, connect(cloud_redis_url), CommandStore(database), lanes)
    return [("commands", listener.step, 0.0), *steps]


def readers_of(analyser: Analyser) -> dict[str, CameraReader]:
    """Of the cameras that it runs."""
    return {camera_id: slot.reader for camera_id, slot in analyser.slots.items()}
