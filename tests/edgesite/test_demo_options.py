"""What the demo reads and what its processes get."""

from __future__ import annotations

import shlex
import socket
import stat
from pathlib import Path

import pytest

from edgesite.demo.options import (
    DemoError,
    Options,
    camera_source,
    environment,
    process_environment,
    write_environment_file,
)
from edgesite.demo.probe import StatisticsProbe, check_port_is_free, lock_folder
from edgesite.local_redis import free_port

REDIS = {name: f"redis://:pw@127.0.0.1:7000/{i}" for i, name in enumerate(["CLOUD_REDIS_URL", "LOCAL_REDIS_URL"])}


def test_defaults(tmp_path: Path) -> None:
    options = Options.read({"CAMERA": " ", "DEMO_SECONDS": ""}, tmp_path)
    assert (options.port, options.var_dir, options.source, options.seconds) == (8000, tmp_path / "var", None, None)
    assert options.needs_redis
    assert options.url == "http://127.0.0.1:8000"


def test_given_values(tmp_path: Path) -> None:
    given = {"PORT": "9000", "VAR_DIR": "x/y", "CAMERA": "1", "DEMO_SECONDS": "2.5", "CHANNEL_REDIS_URL": "redis://h/2"}
    options = Options.read(given | REDIS, tmp_path)
    assert (options.port, options.var_dir, options.source, options.seconds) == (9000, tmp_path / "x/y", "webcam:1", 2.5)
    assert not options.needs_redis
    assert Options.read(REDIS, tmp_path).needs_redis


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "http"),
        ("PORT", "65536"),
        ("DEMO_SECONDS", "-1"),
        ("DEMO_SECONDS", "nan"),
        ("CAMERA", "no.mp4"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(DemoError, match=name):
        Options.read({name: value}, tmp_path)


@pytest.mark.parametrize("url", ["rtsp://user:secret@host/path", "webcam:2", "file:///a.mp4"])
def test_urls_stay_as_they_are(tmp_path: Path, url: str) -> None:
    assert camera_source(url, tmp_path) == url


def test_a_path_becomes_a_file_url(tmp_path: Path) -> None:
    (tmp_path / "my clip.mp4").touch()
    assert camera_source("my clip.mp4", tmp_path) == f"{tmp_path.as_uri()}/my%20clip.mp4"
    assert camera_source("0", tmp_path) == "webcam:0"


def test_the_environment_leaves_no_setting_to_a_stray_env_file(tmp_path: Path) -> None:
    options = Options.read({"VAR_DIR": "v", "CAMERA": "rtsp://u:secret@h/1"}, tmp_path)
    made = environment(options, {"S3_BUCKET": "evidence", "DEVICE_ID": "box-7", "DEBUG": "1"}, REDIS)
    again = environment(options, {}, REDIS)
    assert made["S3_BUCKET"] == "evidence"
    assert made["DEVICE_ID"] == "box-7"
    assert (made["DEBUG"], made["ALLOWED_HOSTS"]) == ("0", "127.0.0.1,localhost")
    assert made["DATABASE_URL"] == f"sqlite:///{tmp_path}/v/edgesite.sqlite3"
    assert again["DEVICE_ID"] == "demo-01"
    for key in ("SECRET_KEY", "FIELD_ENCRYPTION_KEY"):
        assert made[key] == again[key]
        assert stat.S_IMODE((tmp_path / "v" / key.lower()).stat().st_mode) == 0o600
    children = process_environment({"PATH": "/bin", "CAMERA": "rtsp://u:secret@h/1", "DEBUG": "1"}, made)
    assert "CAMERA" not in children
    assert (children["PATH"], children["DEBUG"]) == ("/bin", "0")
    assert "secret" not in repr(options)


def test_the_environment_file_can_be_read_by_a_shell_and_by_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "demo.env"
    write_environment_file(file, {"A": "plain", "B": "it's; $odd"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [line.split("=", 1) for line in file.read_text().splitlines()]
    assert {name: shlex.split(value)[0] for name, value in lines} == {"A": "plain", "B": "it's; $odd"}


def test_a_port_in_use_is_an_error_that_names_another() -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DemoError, match=rf"port {port} is in use.*PORT={port + 1}"):
            check_port_is_free(port)
    check_port_is_free(port)


def test_only_one_demo_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "web.pid").write_text("1\n")
    with lock_folder(tmp_path):
        assert not (tmp_path / "run" / "web.pid").exists()
        with pytest.raises(DemoError, match="already running"):
            lock_folder(tmp_path)
    lock_folder(tmp_path).close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DemoError, match=r"VAR_DIR .*file cannot be written"):
        lock_folder(tmp_path / "file")


def test_the_probe_says_what_is_missing() -> None:
    probe = StatisticsProbe(free_port(), "vid1", "token")
    assert not probe()
    assert probe.answer == "the web server does not answer (ConnectionRefusedError)"
