"""Reads the settings of DESIGN 5.1 from the environment and `.env`.

A value that makes no sense must be a system-check error that names the variable, so nothing here raises: a bad value is
noted in `problems`, the default stands in, and `edgesite.checks` reports it when a command or the server starts.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import environ

TRUE = {"1", "true", "yes", "on"}
FALSE = {"", "0", "false", "no", "off"}
DATABASES = {f"django.db.backends.{name}" for name in ("sqlite3", "postgresql", "mysql")}
MAIL_SCHEMES = ("smtp", "smtps", "smtp+tls", "smtp+ssl")
# Importable modules, one of which Django's backend needs, and what to install when none is there.
DRIVERS = {
    "django.db.backends.postgresql": (("psycopg", "psycopg2"), "psycopg[binary]"),
    "django.db.backends.mysql": (("MySQLdb",), "mysqlclient"),
}


class Environment:
    """Typed reads of environment variables. `problems` lists `(variable, what is wrong and what to do)`."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.problems: list[tuple[str, str]] = []

    @classmethod
    def load(cls, folder: Path) -> Environment:
        """The process's environment, completed (not overridden) by `.env` in that folder."""
        file = folder / ".env"
        if file.is_file():
            environ.Env.read_env(file, overwrite=False)
        return cls(dict(os.environ))

    def problem(self, name: str, text: str) -> None:
        self.problems.append((name, text))

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, "").strip() or default

    def flag(self, name: str, default: bool = False) -> bool:
        raw = self.values.get(name)
        if raw is None:
            return default
        word = raw.strip().lower()
        if word in TRUE | FALSE:
            return word in TRUE
        self.problem(name, f"must be 1 or 0, not {raw!r}.")
        return default

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = int(raw)
        except ValueError:
            self.problem(name, f"must be a whole number, not {raw!r}.")
            return default
        if not least <= value <= most:
            self.problem(name, f"must be from {least} to {most}, not {value}.")
            return default
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default).lower()
        if value in allowed:
            return value
        self.problem(name, f"must be one of {', '.join(allowed)}, not {value!r}.")
        return default

    def names(self, name: str) -> list[str]:
        """A comma list without empty entries."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """A URL with one of the schemes and a host. The value is never part of the message: it may hold a password."""
        value = self.text(name, default)
        if not value:
            return value
        with contextlib.suppress(ValueError):
            parts = urlsplit(value)
            _ = parts.port
            if parts.scheme in schemes and (parts.hostname or parts.scheme == "unix"):
                return value
        self.problem(
            name, f"must be a URL that begins with {' or '.join(s + '://' for s in schemes)} and names a host."
        )
        return default

    def database(self, name: str, default: str) -> dict[str, object]:
        """Django's database dictionary from a URL such as `sqlite:////data/a.sqlite3` or `postgres://user:pw@host/db`."""
        # The library only warns of a scheme that it does not know, and of a path that it takes for a host.
        with contextlib.suppress(ValueError, KeyError, Warning), warnings.catch_warnings():
            warnings.simplefilter("error")
            config = dict(environ.Env.db_url_config(self.text(name, default)))
            if config["ENGINE"] in DATABASES:
                missing = _missing_driver(str(config["ENGINE"]))
                if not missing:
                    return config
                self.problem(name, f"names a database whose driver is not installed: pip install '{missing}'.")
                return dict(environ.Env.db_url_config(default))
        self.problem(name, "is not a database URL such as sqlite:///path, postgres://… or mysql://….")
        return dict(environ.Env.db_url_config(default))

    def mail(self, name: str) -> dict[str, object]:
        """Django's e-mail settings from a URL such as `smtp+tls://user:password@host:587`; empty when none is given."""
        raw = self.text(name)
        if not raw:
            return {}
        with contextlib.suppress(ValueError, KeyError, environ.ImproperlyConfigured):
            config = {str(key): value for key, value in environ.Env.email_url_config(raw).items()}
            if raw.split(":", 1)[0] in MAIL_SCHEMES and config.get("EMAIL_HOST"):
                return config
        self.problem(name, "must be a URL such as smtp+tls://user:password@host:587 (smtp, smtp+tls or smtp+ssl).")
        return {}

    def folder(self, name: str, default: Path | str) -> Path:
        """An absolute folder, made when it is not there."""
        path = Path(self.text(name, str(default))).absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.problem(name, f"must be a folder that this user may write to: {path}: {error.strerror}.")
        return path

    def sqlite_path(self, name: str, default: Path) -> Path:
        """The file of a `sqlite:///…` URL; three slashes are relative to the working folder, four are absolute."""
        raw = self.text(name)
        if not raw:
            return default
        if raw.startswith("sqlite:///") and len(raw) > len("sqlite:///"):
            return Path(raw.removeprefix("sqlite:///")).absolute()
        self.problem(name, "must be sqlite:///PATH: the edge store is always a SQLite file.")
        return default


def _missing_driver(engine: str) -> str:
    """The package to install for this backend; empty when nothing is missing."""
    modules, package = DRIVERS.get(engine, ((), ""))
    return "" if any(find_spec(module) for module in modules) else package


def load_or_make_key(path: Path, make: Callable[[], str]) -> str:
    """The key in that file; made once, mode 0600, and safe when two processes start at the same moment."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)
    return path.read_text(encoding="ascii").strip()
