"""The demo's own Redis, with the real server."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest
import redis

from edgesite import local_redis
from edgesite.local_redis import LocalRedis, LocalRedisError, find_redis_server, prepare_local_redis, redis_version
from edgesite.redis_clients import connect


def script(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)
    return program


def wait_answer(server: LocalRedis) -> None:
    deadline = time.monotonic() + 10
    while not server.answers():
        assert time.monotonic() < deadline, "the server did not come up"
        time.sleep(0.02)


def test_the_version_is_what_the_program_states(tmp_path: Path) -> None:
    assert redis_version(script(tmp_path / "a", "Redis server v=7.0.15 sha=0:0 malloc=x bits=64 build=1")) == 7
    assert redis_version(script(tmp_path / "b", "hello")) == 0
    assert redis_version(tmp_path / "none") == 0


def test_an_old_server_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = script(tmp_path / "old", "Redis server v=6.2.1 sha=0")
    new = script(tmp_path / "new", "Redis server v=8.2.3 sha=0")
    monkeypatch.setattr(local_redis, "_candidates", lambda: iter([old, new]))
    assert find_redis_server() == new
    monkeypatch.setattr(local_redis, "_candidates", lambda: iter([old]))
    with pytest.raises(LocalRedisError, match=r"old/redis-server is version 6.*install the package redis-server"):
        find_redis_server()


def test_the_first_candidate_is_the_one_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = script(tmp_path / "bin", "Redis server v=7.2.0 sha=0")
    monkeypatch.setenv("PATH", f"{mine.parent}{os.pathsep}{os.environ['PATH']}")
    assert find_redis_server() == mine


@pytest.mark.integration
def test_only_the_password_opens_it_and_data_stays(tmp_path: Path) -> None:
    server = prepare_local_redis(tmp_path / 'odd "name"')
    assert stat.S_IMODE(server.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.config.parent.stat().st_mode) == 0o700
    assert server.password not in " ".join(server.argv)
    assert server.password not in repr(server)
    with subprocess.Popen(server.argv, stdout=subprocess.DEVNULL) as process:
        wait_answer(server)
        cmdline = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert server.password not in cmdline
        stranger = connect(f"redis://127.0.0.1:{server.port}/0")
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        mine = connect(server.url(2))
        mine.set("kept", "1")
        mine.close()
        stranger.close()
        process.terminate()
        assert process.wait(5) == 0
    again = prepare_local_redis(server.config.parent)
    assert again.password != server.password
    with subprocess.Popen(again.argv, stdout=subprocess.DEVNULL) as process:
        wait_answer(again)
        assert not server.answers()
        mine = connect(again.url(2))
        assert mine.get("kept") == "1"
        mine.close()
        process.terminate()
        process.wait(5)
