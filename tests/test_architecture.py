"""Imports go one way, and the pure code stays pure (DESIGN section 4). Read from the syntax tree, so nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("edgesite", "cameras", "recordings", "detection")  # each may import itself and those before it

# The files that compose the whole look up.
COMPOSERS = {
    Path("edgesite", name) for name in ("settings.py", "asgi.py", "urls.py", "api.py", "admin.py", "admin_site.py")
}
COMPOSING_FOLDERS = (Path("edgesite/demo"),)

FORBIDDEN_IN_CORE = {
    "asyncio": "I/O",
    "boto3": "I/O",
    "botocore": "I/O",
    "channels": "Django",
    "django": "Django",
    "environ": "Django",
    "httpx": "I/O",
    "multiprocessing": "processes",
    "ninja": "Django",
    "onnxruntime": "inference",
    "redis": "I/O",
    "requests": "I/O",
    "socket": "I/O",
    "storages": "Django",
    "subprocess": "processes",
    "threading": "threads",
    "urllib.request": "I/O",
}
# A clock that is read, by module: time comes in as an argument. Conversions (fromtimestamp, strptime) read none.
CLOCKS = {
    "time": {
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
        "process_time_ns", "thread_time", "clock_gettime", "clock_gettime_ns", "sleep", "localtime", "gmtime", "ctime",
    },
    "datetime.datetime": {"now", "utcnow", "today"},
    "datetime.date": {"today"},
    "django.utils.timezone": {"now", "localtime", "localdate"},
}  # fmt: skip
# With its time as an argument each of these only converts.
CONVERSIONS = {"time.localtime", "time.gmtime", "time.ctime"}


@dataclass(frozen=True)
class Import:
    """One imported name in full: `import a.b` is a.b, `from a import b` is a.b."""

    name: str
    line: int


def sources() -> list[Path]:
    """Every Python file of the product, relative to the root."""
    found = [path.relative_to(ROOT) for app in APPS for path in sorted((ROOT / app).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def imports_of(tree: ast.AST, package: tuple[str, ...]) -> Iterator[Import]:
    """Every import, also those inside functions and `if TYPE_CHECKING`. package: what relative imports start from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                yield Import(".".join([*base, alias.name]), node.lineno)


def upward_imports(path: Path, source: str) -> list[str]:
    """Imports of an app that comes after the file's own. Composing files have none that count."""
    if path in COMPOSERS or any(folder in path.parents for folder in COMPOSING_FOLDERS):
        return []
    above = set(APPS[APPS.index(path.parts[0]) + 1 :])
    found = imports_of(ast.parse(source), path.parts[:-1])
    return [f"{path}:{i.line} imports {i.name}" for i in found if i.name.split(".")[0] in above]


def impurities(path: Path, source: str) -> list[str]:
    """What pure code may not have: imports of the outside world, of impure parts of the product, and clocks."""
    tree = ast.parse(source)
    found = list(imports_of(tree, path.parts[:-1]))
    problems = [f"{path}:{i.line} imports {i.name} ({why})" for i in found if (why := _forbidden(i.name))]
    return problems + [f"{path}:{line} reads the clock: {name}" for name, line in _clock_reads(tree)]


def _forbidden(name: str) -> str:
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        if why := FORBIDDEN_IN_CORE.get(".".join(parts[:length])):
            return why
    if parts[0] in APPS and "core" not in parts[1:2]:
        return "not pure"
    return ""


def _clock_reads(tree: ast.AST) -> Iterator[tuple[str, int]]:
    names = _bound_names(tree)
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name) or isinstance(node.ctx, ast.Store):
            continue
        full = _full_name(node, names)
        module, _, attribute = full.rpartition(".")
        if attribute not in CLOCKS.get(module, ()):
            continue
        call = called.get(id(node))
        if full in CONVERSIONS and call is not None and call.args:
            continue
        yield full, node.lineno


def _bound_names(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound |= {alias.asname: alias.name for alias in node.names if alias.asname}
            bound |= {alias.name.split(".")[0]: alias.name.split(".")[0] for alias in node.names if not alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            bound |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return bound


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = _full_name(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def in_core(path: Path) -> bool:
    return path.parts[1:2] == ("core",)


def test_imports_go_one_way() -> None:
    problems = [p for path in sources() for p in upward_imports(path, (ROOT / path).read_text(encoding="utf-8"))]
    assert problems == []


def test_core_is_pure() -> None:
    core = [path for path in sources() if in_core(path)]
    assert {path.parts[0] for path in core} == set(APPS)
    problems = [p for path in core for p in impurities(path, (ROOT / path).read_text(encoding="utf-8"))]
    assert problems == []


@pytest.mark.parametrize(
    "source",
    [
        "import django",
        "from django.utils import timezone\nnow = timezone.now()",
        "def f():\n    from redis import Redis",
        "import onnxruntime as ort",
        "import subprocess",
        "from urllib.request import urlopen",
        "import time\nnow = time.time()",
        "import time as t\nnow = t.monotonic()",
        "from time import perf_counter\nnow = perf_counter()",
        "from time import monotonic\ndef f(clock=monotonic): ...",
        "import time\nday = time.localtime()",
        "import datetime\nnow = datetime.datetime.now(datetime.UTC)",
        "from datetime import datetime, UTC\nnow = datetime.now(UTC)",
        "import datetime as dt\nday = dt.date.today()",
        "from cameras.models import Camera",
        "from cameras import services",
        "from .. import models",
    ],
)
def test_impure_code_is_noticed(source: str) -> None:
    assert impurities(Path("detection/core/x.py"), source)


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime, UTC\nday = datetime.fromtimestamp(0, UTC)",
        "import time\nday = time.gmtime(0)",
        "class Rule:\n    time: float\n    def step(self, now: float) -> None:\n        self.time = now",
        "from cameras.core.geometry import Points",
        "from . import tracking",
        "from detection.core import tracking\nimport numpy as np",
    ],
)
def test_pure_code_passes(source: str) -> None:
    assert impurities(Path("detection/core/x.py"), source) == []


@pytest.mark.parametrize(
    ("path", "source", "allowed"),
    [
        ("cameras/sync.py", "from detection.models import Alert", False),
        ("cameras/sync.py", "def f():\n    import recordings.store", False),
        ("edgesite/worker.py", "import cameras", False),
        ("edgesite/urls.py", "from detection.views import live", True),
        ("edgesite/demo/seed.py", "from cameras.models import Camera", True),
        ("edgesite/demonstration.py", "from cameras.models import Camera", False),
        ("detection/sink.py", "from recordings.captures import store\nfrom cameras.models import Camera", True),
        ("recordings/store.py", "from ..detection import models", False),
        ("cameras/admin/roi.py", "from . import chips", True),
    ],
)
def test_direction(path: str, source: str, allowed: bool) -> None:
    assert (upward_imports(Path(path), source) == []) is allowed
