"""`python -m tests.faults.break_alerts [NAME…]`: breaks the product once per mechanism, in a copy, and runs the fault test.

Says what the test said. Exit status 1 when a break went unseen, or its failure does not say what happened. Only the trouble
that shows the break is made, all of them with `--whole`. `--quick` runs the faster test of each instead, `--list` prints the
names. ALERTS and ALERT_SEEDS as for the test; 15 alerts when not given.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.alerts_breaks import BREAKS, Break

ROOT = Path(__file__).resolve().parents[2]
TEST = "tests/faults/test_alerts_everything.py"


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of breaks (default: all)")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    if given.list:
        print("\n".join(BREAKS))
        return 0
    unknown = [name for name in given.names if name not in BREAKS]
    if unknown:
        parser.error(f"no such break: {', '.join(unknown)}")
    chosen = {name: BREAKS[name] for name in given.names or BREAKS}
    seen = [_seen(name, item, quick=given.quick, whole=given.whole) for name, item in chosen.items()]
    return 0 if all(seen) else 1


def _seen(name: str, item: Break, *, quick: bool, whole: bool) -> bool:
    """Whether the tests saw it; says so."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edgesite-break-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder)
        _copy_to(copy)
        for edit in item.edits:
            text = (copy / edit.file).read_text()
            assert text.count(edit.before) == 1, f"{name}: {edit.file} is not what it was"
            (copy / edit.file).write_text(text.replace(edit.before, edit.after))
        cache = os.environ.get("EDGESITE_TEST_CACHE") or str(ROOT / "var" / "test-cache")
        trouble = {} if whole else {"ALERT_TROUBLES": item.trouble}
        environment = {"ALERTS": "15", **trouble, **os.environ, "EDGESITE_TEST_CACHE": cache, "PYTHONPATH": folder}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", item.quick if quick else TEST],
            cwd=copy, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    said = [line[1:].strip() for line in done.stdout.splitlines() if re.match(r"E\s", line)]
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    seen = done.returncode == 1 and (quick or any(item.says in line for line in said))
    verdict = "seen" if seen else f"NOT SEEN (status {done.returncode})"
    print(f"{name}: {verdict} after {time.monotonic() - began:.0f} s", flush=True)
    for line in failed if quick else said[:4] or done.stdout.splitlines()[-5:]:
        print(f"    {line[:1000]}", flush=True)
    return seen


def _copy_to(folder: Path) -> None:
    """The files that git knows, or would take in, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)


if __name__ == "__main__":
    sys.exit(main())
