"""Reading settings from the environment: nothing raises, everything wrong is named."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesite import env as module
from edgesite.env import Environment, load_or_make_key

DEFAULT = "sqlite:////data/x.sqlite3"


def names_of(env: Environment) -> list[str]:
    return [name for name, _ in env.problems]


@pytest.mark.parametrize("word", ["1", "true", "YES", " on "])
def test_words_that_switch_on(word: str) -> None:
    assert Environment({"DEBUG": word}).flag("DEBUG") is True


@pytest.mark.parametrize("word", ["0", "false", "No", "off", "", "  "])
def test_words_that_switch_off(word: str) -> None:
    assert Environment({"DEBUG": word}).flag("DEBUG", default=True) is False


def test_an_unset_flag_takes_its_default() -> None:
    assert Environment({}).flag("DEBUG", default=True) is True


def test_a_flag_that_is_neither_is_named() -> None:
    env = Environment({"DEBUG": "perhaps"})
    assert env.flag("DEBUG") is False
    assert names_of(env) == ["DEBUG"]


@pytest.mark.parametrize(("raw", "value"), [("", 60), ("  ", 60), ("5", 5), (" 86400 ", 86400)])
def test_numbers_in_their_range(raw: str, value: int) -> None:
    env = Environment({"MAX_TASK_SECONDS": raw})
    assert env.number("MAX_TASK_SECONDS", 60, least=1, most=86_400) == value
    assert env.problems == []


@pytest.mark.parametrize("raw", ["0", "86401", "-5", "ten", "1.5", "nan", "9" * 5000])
def test_numbers_that_make_no_sense_are_named(raw: str) -> None:
    env = Environment({"MAX_TASK_SECONDS": raw})
    assert env.number("MAX_TASK_SECONDS", 60, least=1, most=86_400) == 60
    assert names_of(env) == ["MAX_TASK_SECONDS"]


def test_a_choice_is_read_in_any_case_and_anything_else_is_named() -> None:
    env = Environment({"ORT_PROVIDER": "CPU", "FFMPEG_PRESET": "warp"})
    assert env.choice("ORT_PROVIDER", "auto", ("auto", "cpu")) == "cpu"
    assert env.choice("FFMPEG_PRESET", "fast", ("fast", "slow")) == "fast"
    assert env.problems == [("FFMPEG_PRESET", "must be one of fast, slow, not 'warp'.")]


def test_a_comma_list_has_no_empty_entries() -> None:
    assert Environment({"ALLOWED_HOSTS": " a.example, ,b.example,"}).names("ALLOWED_HOSTS") == [
        "a.example",
        "b.example",
    ]


@pytest.mark.parametrize("url", ["redis://h:6379/0", "rediss://:pw@h/1", "unix:///run/redis.sock"])
def test_urls_of_the_right_kind(url: str) -> None:
    env = Environment({"CLOUD_REDIS_URL": url})
    assert env.url("CLOUD_REDIS_URL", "", ("redis", "rediss", "unix")) == url
    assert env.problems == []


@pytest.mark.parametrize("url", ["h:6379", "http://h", "redis://", "redis://:hunter2@:1/0", "redis://hunter2:99999999"])
def test_urls_that_make_no_sense_are_named_without_their_password(url: str) -> None:
    env = Environment({"CLOUD_REDIS_URL": url})
    assert env.url("CLOUD_REDIS_URL", "redis://d", ("redis", "rediss")) == "redis://d"
    assert names_of(env) == ["CLOUD_REDIS_URL"]
    assert "hunter2" not in env.problems[0][1]


@pytest.mark.parametrize(
    ("url", "engine", "name"),
    [
        ("", "django.db.backends.sqlite3", "/data/x.sqlite3"),
        ("sqlite:///rel.sqlite3", "django.db.backends.sqlite3", "rel.sqlite3"),
        ("postgres://u:p%23@h:5433/site", "django.db.backends.postgresql", "site"),
        ("mysql://u:p@h/site", "django.db.backends.mysql", "site"),
    ],
)
def test_database_urls(url: str, engine: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda driver: object())
    env = Environment({"DATABASE_URL": url})
    config = env.database("DATABASE_URL", DEFAULT)
    assert (config["ENGINE"], config["NAME"]) == (engine, name)
    assert env.problems == []


@pytest.mark.parametrize(
    "url",
    ["nonsense", "foo://h/x", "sqlite://var/x.sqlite3", "postgres://u:hunter2@h:99999999/x", "redis://h/0", "://"],
)
def test_database_urls_that_make_no_sense_are_named_and_the_default_stands_in(url: str) -> None:
    env = Environment({"DATABASE_URL": url})
    assert env.database("DATABASE_URL", DEFAULT)["NAME"] == "/data/x.sqlite3"
    assert names_of(env) == ["DATABASE_URL"]
    assert "hunter2" not in env.problems[0][1]


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("postgres://u:hunter2@h/site", "psycopg[binary]"),
        ("postgresql://u:hunter2@h/site", "psycopg[binary]"),
        ("mysql://u:hunter2@h/site", "mysqlclient"),
    ],
)
def test_a_database_without_its_driver_is_named_with_what_to_install(
    url: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda driver: None)
    env = Environment({"DATABASE_URL": url, "OTHER_URL": DEFAULT})
    assert env.database("DATABASE_URL", DEFAULT)["NAME"] == "/data/x.sqlite3"
    text = f"names a database whose driver is not installed: pip install '{package}'."
    assert env.problems == [("DATABASE_URL", text)]
    assert env.database("OTHER_URL", "sqlite:////y")["NAME"] == "/data/x.sqlite3"
    assert len(env.problems) == 1


def test_either_driver_of_postgresql_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda driver: object() if driver == "psycopg2" else None)
    env = Environment({"DATABASE_URL": "postgres://h/site"})
    assert env.database("DATABASE_URL", DEFAULT)["NAME"] == "site"
    assert env.problems == []


def test_the_edge_store_is_always_a_sqlite_file(tmp_path: Path) -> None:
    assert Environment({}).sqlite_path("EDGE_DATABASE_URL", tmp_path) == tmp_path
    good = Environment({"EDGE_DATABASE_URL": "sqlite:////data/edge.sqlite3", "REL": "sqlite:///edge.sqlite3"})
    assert good.sqlite_path("EDGE_DATABASE_URL", tmp_path) == Path("/data/edge.sqlite3")
    assert good.sqlite_path("REL", tmp_path) == Path.cwd() / "edge.sqlite3"
    for url in ("postgres://h/x", "sqlite:///", "edge.sqlite3"):
        env = Environment({"EDGE_DATABASE_URL": url})
        assert env.sqlite_path("EDGE_DATABASE_URL", tmp_path) == tmp_path
        assert names_of(env) == ["EDGE_DATABASE_URL"]


def test_a_folder_is_made_and_one_that_cannot_be_is_named(tmp_path: Path) -> None:
    env = Environment({"VAR_DIR": str(tmp_path / "a" / "b")})
    assert env.folder("VAR_DIR", "var").is_dir()
    assert env.problems == []
    (tmp_path / "file").write_text("")
    env = Environment({"VAR_DIR": str(tmp_path / "file" / "below")})
    env.folder("VAR_DIR", "var")
    assert names_of(env) == ["VAR_DIR"]


@given(st.text(max_size=40).filter(lambda s: "\x00" not in s))
def test_no_value_at_all_raises(raw: str) -> None:
    env = Environment({"X": raw})
    env.flag("X")
    env.number("X", 1, least=0, most=9)
    env.choice("X", "a", ("a",))
    env.url("X", "", ("redis", "unix"))
    env.sqlite_path("X", Path("/x"))
    assert env.database("X", DEFAULT)["ENGINE"]


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("EDGESITE_A=file\nEDGESITE_B=file\n")
    monkeypatch.setenv("EDGESITE_A", "process")
    monkeypatch.setenv("EDGESITE_B", "")  # so that it is put back afterwards
    monkeypatch.delenv("EDGESITE_B")
    env = Environment.load(tmp_path)
    monkeypatch.delenv("EDGESITE_B", raising=False)
    assert (env.text("EDGESITE_A"), env.text("EDGESITE_B")) == ("process", "file")


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "key"
    assert load_or_make_key(path, lambda: "first") == "first"
    assert load_or_make_key(path, lambda: "second") == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["key"]


def test_two_that_make_the_key_at_once_agree(tmp_path: Path) -> None:
    gate, got = threading.Barrier(8), []

    def make(number: int) -> None:
        gate.wait(5)
        got.append(load_or_make_key(tmp_path / "key", lambda: f"key {number}"))

    threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(got) == 8
    assert len(set(got)) == 1
