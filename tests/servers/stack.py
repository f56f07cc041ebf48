"""A whole installation of one test's own: database, edge store and media in a folder, its processes, its web pages."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from edgesite.edge_store.database import EdgeDatabase
from tests.servers.migrated import migrated
from tests.servers.process import ServerError, end_process, free_port

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def wait_until(probe: Callable[[], T], *, seconds: float, what: str, every: float = 0.05) -> T:
    """The probe's first true answer; AssertionError that says what was waited for when it never comes."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= end:
            raise AssertionError(f"after {seconds:.0f} s still no {what}; last answer {answer!r}")
        time.sleep(every)


class Form(HTMLParser):
    """The fields of a page's forms as a browser would send them: name → values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._select = self._textarea = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.fields.setdefault(self._select, []).append(value)
        elif tag == "textarea":
            self._textarea = name
            self.fields[name] = [""]
        elif tag == "input" and name and "disabled" not in given:
            kind = given.get("type")
            if kind in ("checkbox", "radio") and "checked" not in given:
                return
            if kind not in ("submit", "button", "file", "image"):
                self.fields.setdefault(name, []).append(value or ("on" if kind == "checkbox" else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.fields[self._textarea][0] += data


class Stack:
    """Start what a test needs with `start`; everything ends with the `with` block. Logs lie in the folder."""

    def __init__(self, folder: Path, redis_url: Callable[[int], str], *, device_id: str = "box-1") -> None:
        self.folder = folder
        self.port = free_port()
        self.device_id = device_id
        self.access: dict[str, str] = {}
        self.prefixes: dict[str, list[str]] = {}  # what a process is run by, by its name
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")}
        self.env = keep | {
            "VAR_DIR": str(folder),
            "DEBUG": "1",
            "CLOUD_REDIS_URL": redis_url(0),
            "LOCAL_REDIS_URL": redis_url(1),
            "CHANNEL_REDIS_URL": redis_url(2),
            "DEVICE_ID": device_id,
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str, **environment: str) -> str:
        """What the management command printed. Raises ServerError with its complaints when it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"manage.py {' '.join(arguments)} failed: {done.stdout[-2000:]}{done.stderr[-3000:]}")
        return done.stdout

    def migrate(self) -> None:
        """Its database and its edge store, as `manage.py migrate` would make them."""
        file = self.folder / "edgesite.sqlite3"
        shutil.copyfile(migrated(), file)
        file.chmod(0o600)
        EdgeDatabase(self.folder / "edge.sqlite3").close()

    def prepare(self, source: str, *, shapes: str = "street") -> None:
        """Migrates and seeds the demo's rows with this camera; `access` holds user, password and token."""
        self.migrate()
        self.access = json.loads(self.manage("seed_demo", "--shapes", shapes, SEED_SOURCE=source))

    def start(self, *names: str) -> None:
        """Starts `web`, `hub`, `recorder`, `detector`, one with two `processes` or `one_process`, an older `old_box`, or a
        `frail_box`.
        """
        commands = {
            "web": ["-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), "edgesite.asgi:application"],
            "hub": ["manage.py", "run_hub"],
            "detector": ["manage.py", "run_detector"],
            "recorder": ["manage.py", "run_recorder"],
            "processes": ["manage.py", "run_detector", "--executor", "processes", "--processes", "2"],
            "one_process": ["manage.py", "run_detector", "--executor", "processes", "--processes", "1"],
            "old_box": ["-m", "tests.servers.old_box"],
            "frail_box": ["-m", "tests.servers.frail_box"],
        }
        for name in names:
            log = (self.folder / f"{name}.log").open("ab")
            self._processes[name] = subprocess.Popen(
                [*self.prefixes.get(name, []), sys.executable, *commands[name]],
                cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            log.close()
        if "web" in names:
            wait_until(self._answers, seconds=90, what="answer from the web server")

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        return False

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def running(self, name: str) -> bool:
        return self._processes[name].poll() is None

    def end(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends a process; its exit status."""
        process = self._processes.pop(name)
        end_process(process, how)
        return process.returncode

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def raised(self) -> list[str]:
        """The event ids of every alert that the detector's log says it raised, in order."""
        return re.findall(r"(?<!test )alert raised .*?event_id=(\S+)", self.log("detector"))

    def api(self) -> httpx.Client:
        """A machine's client with the operator's token."""
        return httpx.Client(
            base_url=f"{self.url}/api/", headers={"Authorization": f"Bearer {self.access['token']}"}, timeout=10
        )

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert on the hub, oldest first, over all pages."""
        found: list[dict[str, Any]] = []
        with self.api() as api:
            after: str | None = None
            while True:
                query = {"order": "oldest", "limit": "500"} | ({"after": after} if after else {})
                page = api.get("alerts", params=query).raise_for_status().json()
                found += page["items"]
                after = page["next"]
                if after is None:
                    return found

    def person(self) -> httpx.Client:
        """The administrator's browser, logged in."""
        browser = httpx.Client(base_url=self.url, follow_redirects=True, timeout=10)
        page = browser.get("/admin/login/")
        form = Form(page.text).fields
        answer = browser.post(
            "/admin/login/",
            data=form | {"username": [self.access["user"]], "password": [self.access["password"]]},
            headers={"Referer": self.url},
        )
        assert "sessionid" in browser.cookies, answer.text[:2000]
        return browser

    def edit(self, browser: httpx.Client, model: str, code: str, **changes: str | None) -> httpx.Response:
        """Finds the row in its list, changes fields (None: unticked) and saves, as a person does. Fails on a form error.

        model: such as `cameras/roi`. code: what the list's search finds exactly one row by.
        """
        found = browser.get(f"/admin/{model}/", params={"q": code}).raise_for_status().text
        paths = set(re.findall(rf'href="(/admin/{model}/[^"?]+/change/)', found))
        assert len(paths) == 1, paths
        path = paths.pop()
        form = Form(browser.get(path).raise_for_status().text).fields
        for name, value in changes.items():
            form.pop(name, None)
            if value is not None:
                form[name] = [value]
        form["_save"] = ["Save"]
        answer = browser.post(path, data=form, headers={"Referer": self.url}).raise_for_status()
        problems = re.findall(r'<ul class="errorlist.*?</ul>', answer.text, re.DOTALL)
        assert "errornote" not in answer.text, problems
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._processes):
            self.end(name, signal.SIGKILL)
        if error is not None:
            for log in sorted(self.folder.glob("*.log")):
                sys.stderr.write(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}\n")


@contextlib.contextmanager
def installation(folder: Path, redis_url: Callable[[int], str], source: str, *names: str) -> Iterator[Stack]:
    """A prepared stack whose processes run."""
    with Stack(folder, redis_url) as stack:
        stack.prepare(source)
        stack.start(*names)
        yield stack
