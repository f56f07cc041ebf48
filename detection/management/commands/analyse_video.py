from __future__ import annotations

import functools
import json
import math
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cameras.core.algorithms import registry
from cameras.core.document import Document
from cameras.core.strict_json import DocumentError
from cameras.streams.errors import IngestError
from detection.inference.errors import ModelError
from detection.inference.pool import load_detectors
from detection.model_choice import detection_model
from detection.offline import analyse, choose_camera, read_document
from detection.offline_output import OutputError, Progress, WholeFile, stop_asked
from detection.offline_video import VideoFile

ONLY_A_PART = 3  # exit status: the file is written, but the video was not decoded, or a rule not run, to its end
INTERRUPTED = 130
SLOWEST = 0.001  # frames a second: one in a quarter of an hour


class Command(BaseCommand):
    help = (
        "Runs a document's rules on a stored video, without Redis or a database: one JSON line for each analysed frame."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("video", type=Path, metavar="VIDEO", help="a video file; it stands for the camera")
        parser.add_argument("--document", type=Path, required=True, help="a config document (JSON), complete or bare")
        parser.add_argument("--camera", help="which camera of the document; needed when there are several")
        parser.add_argument("--fps", type=_rate, help="analyse at most so many frames a second (default: every frame)")
        parser.add_argument("--min-score", type=_share, help="list weaker detections too; rules never see those")
        parser.add_argument(
            "--gate",
            action="store_true",
            help="leave out still stretches, as a live camera does (default: every frame)",
        )
        parser.add_argument(
            "--began-at",
            type=_moment,
            metavar="TIME",
            help="of the first picture (ISO 8601; without an offset in the document's time zone)",
        )
        parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl", help="replaced when finished")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with stop_asked() as stop:
                self._run(options, stop)
        except (DocumentError, IngestError, ModelError, OutputError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:  # a path that cannot even be looked up: no access, a name that is too long
            raise CommandError(f"{error.filename} cannot be used: {error.strerror}") from error

    def _run(self, options: dict[str, Any], stop: threading.Event) -> None:
        document = _document(options["document"])
        choose_camera(document, options["camera"])  # before anything is opened
        _spare(options["out"], options["video"], options["document"])
        with VideoFile(options["video"]) as video, WholeFile(options["out"]) as out:
            load = functools.partial(load_detectors, folder=detection_model())
            detectors = load(provider=settings.ORT_PROVIDER)
            progress = Progress(self.stderr, video.length_s, now=time.monotonic())
            frames = analyse(
                video,
                detectors=detectors,
                document=document,
                registry=registry,
                camera_id=options["camera"],
                fps=options["fps"],
                min_score=options["min_score"],
                began_at=_unix(options["began_at"], document),
                gate=options["gate"],
                on_cpu=functools.partial(load, provider="cpu"),
            )
            faults: tuple[str, ...] = ()
            with closing(frames):
                for analysed in frames:
                    if stop.is_set():
                        raise CommandError("Interrupted; nothing was written.", returncode=INTERRUPTED)
                    out.write(json.dumps(analysed.line(detectors[0].classes), ensure_ascii=False, allow_nan=False))
                    progress.step(analysed, now=time.monotonic())
                    faults = analysed.faults
            progress.end(now=time.monotonic())
        damage = f"{video.damaged} packets could not be decoded" if video.damaged else ""
        if trouble := "; ".join(filter(None, (video.cut_short, damage, *faults))):
            raise CommandError(f"{trouble}. The rest is in {options['out']}.", returncode=ONLY_A_PART)


def _document(path: Path) -> Document:
    try:
        return read_document(path.read_text(encoding="utf-8"), registry=registry)
    except FileNotFoundError:
        raise CommandError(f"no such file: {path}") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CommandError(f"{path} is refused: it is not UTF-8 text") from None
    except DocumentError as error:
        raise CommandError(f"{path} is refused: {error}") from error


def _spare(out: Path, *given: Path) -> None:
    """Raises CommandError where the result would replace what it is made of."""
    for path in given:
        if out.exists() and path.exists() and out.samefile(path):
            raise CommandError(f"--out names {path} itself; it would be replaced")


def _unix(moment: datetime | None, document: Document) -> float:
    """Unix seconds; 0 without a moment. One without an offset is what the clock of the document's site shows."""
    if moment is None:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(document.content.site.time_zone))).timestamp()


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        found.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is not a time such as 2026-11-22T08:00:00+08:00") from None
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _rate(text: str) -> float:
    if not SLOWEST <= (value := _number(text)) < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a number from {SLOWEST} on")
    return value


def _share(text: str) -> float:
    if not 0 <= (value := _number(text)) <= 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value
