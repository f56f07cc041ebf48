"""What the product imports is in requirements.txt: the environment of the tests holds more than a fresh one."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ("edgesite", "cameras", "recordings", "detection")
COME_ALONG = {"asgiref", "pydantic-core", "botocore"}  # of Django, pydantic and boto3, which need exactly these
WHERE_THERE_IS_ONE = {"imageio-ffmpeg"}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class RunTime(ast.NodeTransformer):
    """Leaves out what only type checkers read."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else self.generic_visit(node)


def test_every_import_of_the_product_is_a_runtime_package() -> None:
    listed = re.findall(r"^([A-Za-z0-9_.-]+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M)
    allowed = {plain(name) for name in listed} | COME_ALONG | WHERE_THERE_IS_ONE
    made_of, missing = packages_distributions(), set[str]()
    for path in (p for app in OURS for p in (ROOT / app).rglob("*.py")):
        for node in ast.walk(RunTime().visit(ast.parse(path.read_text(encoding="utf-8")))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            for top in {name.split(".")[0] for name in names} - set(OURS) - set(sys.stdlib_module_names):
                if not {plain(one) for one in made_of.get(top, [top])} & allowed:
                    missing.add(f"{path.relative_to(ROOT)}: {top}")
    assert len(listed) > 20
    assert missing == set()
