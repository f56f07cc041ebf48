"""A setting that makes no sense stops every command with its name; one process per case, as an operator meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from edgesite.checks import environment, require_sound_settings
from edgesite.env import Environment

ROOT = Path(__file__).resolve().parents[2]


def messages() -> list[str]:
    return [str(error.msg) for error in environment(None)]


def test_the_settings_of_the_tests_are_sound() -> None:
    assert messages() == []
    require_sound_settings()


def test_each_noted_problem_is_an_error_that_begins_with_its_variable(settings: Any) -> None:
    settings.ENV = Environment({})
    settings.ENV.problem("ORT_PROVIDER", "must be cpu.")
    assert messages() == ["ORT_PROVIDER must be cpu."]
    with pytest.raises(ImproperlyConfigured, match=r"ORT_PROVIDER must be cpu\."):
        require_sound_settings()


@pytest.mark.parametrize(
    ("name", "value", "variable"),
    [
        ("FIELD_ENCRYPTION_KEYS", [Fernet.generate_key().decode(), "short"], "FIELD_ENCRYPTION_KEY"),
        ("FIELD_ENCRYPTION_KEYS", ["é" * 44], "FIELD_ENCRYPTION_KEY"),
        ("FIELD_ENCRYPTION_KEYS", [], "FIELD_ENCRYPTION_KEY"),
        ("ALLOWED_HOSTS", ["ok.example", "http://no.example/"], "ALLOWED_HOSTS"),
        ("S3_BUCKET", "a b", "S3_BUCKET"),
        ("FFMPEG_PATH", "/nope", "FFMPEG_PATH"),
        ("DETECTION_MODEL", "../weights", "DETECTION_MODEL"),
        ("DETECTION_MODEL", "/srv/model", "DETECTION_MODEL"),
        ("DEVICE_TOKEN", "a b", "DEVICE_TOKEN"),
        ("DEVICE_ID", "a*b", "DEVICE_ID"),
        ("DEVICE_ID", "a/b", "DEVICE_ID"),
        ("DEVICE_ID", "x" * 129, "DEVICE_ID"),
        ("SNAPSHOT_CALLBACK_HOSTS", ["ok.example:8080", "http://no.example/"], "SNAPSHOT_CALLBACK_HOSTS"),
    ],
)
def test_values_that_cannot_be_used_are_named(settings: Any, name: str, value: object, variable: str) -> None:
    setattr(settings, name, value)
    assert [text.split()[0] for text in messages()] == [variable]


def test_half_a_pair_of_s3_keys_is_named(settings: Any) -> None:
    settings.S3_BUCKET, settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "bucket", "id", ""
    assert [text.split()[0] for text in messages()] == ["S3_ACCESS_KEY_ID"]


def test_only_a_web_server_needs_the_names_of_its_hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = []
    assert messages() == []
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_HOSTS"):
        require_sound_settings()


def test_a_bad_key_is_not_repeated(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["hunter2"]
    assert "hunter2" not in " ".join(messages())


def check(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "check"],
        cwd=folder, env=keep | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.integration
def test_every_wrong_variable_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = check(
        tmp_path, DATABASE_URL="nonsense", EDGE_DATABASE_URL="postgres://h/x", CLOUD_REDIS_URL="http://h",
        LOCAL_REDIS_URL="redis://:99999999", CHANNEL_REDIS_URL="x", ORT_PROVIDER="abacus", PUBLIC_URL="hub.example",
        S3_ENDPOINT_URL="s3", FFMPEG_LOGLEVEL="loud", FFMPEG_RTSP_TRANSPORT="tin", FFMPEG_PRESET="warp",
        MAX_TASK_SECONDS="0", DEBUG="perhaps", VAR_DIR=str(tmp_path / "file"), SNAPSHOT_CALLBACK_HOSTS="http://x",
        ALLOWED_HOSTS="http://x/",
    )  # fmt: skip
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    for name in (
        "DATABASE_URL", "EDGE_DATABASE_URL", "CLOUD_REDIS_URL", "LOCAL_REDIS_URL", "CHANNEL_REDIS_URL", "ORT_PROVIDER",
        "PUBLIC_URL", "S3_ENDPOINT_URL", "FFMPEG_LOGLEVEL", "FFMPEG_RTSP_TRANSPORT", "FFMPEG_PRESET",
        "MAX_TASK_SECONDS", "DEBUG", "VAR_DIR", "SNAPSHOT_CALLBACK_HOSTS", "SECRET_KEY", "FIELD_ENCRYPTION_KEY",
        "ALLOWED_HOSTS",
    ):  # fmt: skip
        assert f"(edgesite.E001) {name} " in answer.stderr, name


@pytest.mark.integration
@pytest.mark.parametrize(
    ("url", "modules", "package"),
    [
        ("postgres://u:hunter2@127.0.0.1:1/site", ("psycopg", "psycopg2"), "psycopg[binary]"),
        ("mysql://u:hunter2@127.0.0.1:1/site", ("MySQLdb",), "mysqlclient"),
    ],
)
def test_a_missing_database_driver_is_one_clear_line(
    tmp_path: Path, url: str, modules: tuple[str, ...], package: str
) -> None:
    # Whatever is installed here: these modules cannot be found in that process.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        f"u.find_spec = lambda name, package=None: None if name in {modules!r} else real(name, package)\n"
    )
    answer = check(
        tmp_path, DEBUG="1", VAR_DIR=str(tmp_path / "var"), DATABASE_URL=url, PYTHONPATH=f"{tmp_path}:{ROOT}"
    )
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert f"(edgesite.E001) DATABASE_URL names a database whose driver is not installed: pip install '{package}'." in (
        answer.stderr
    )
    assert "hunter2" not in answer.stderr


@pytest.mark.integration
def test_a_folder_with_odd_signs_holds_the_database_and_the_keys(tmp_path: Path) -> None:
    folder = tmp_path / "a+b #1 100%25?"
    code = "from edgesite import settings as s; print(s.DATABASES['default']['NAME'], s.ENV.problems)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DEBUG": "1", "VAR_DIR": str(folder)}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == f"{folder / 'edgesite.sqlite3'} []"
    assert (folder / "secret_key").read_text()
    assert (folder / "field_encryption_key").read_text()
