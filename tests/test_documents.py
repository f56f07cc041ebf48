"""Pages and example files that must keep up with the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READERS = {"text", "flag", "number", "choice", "names", "url", "database", "sqlite_path", "folder", "mail"}


def settings_read() -> set[str]:
    """The variables that the settings read: `ENV.reader("NAME", …)` and `_key("NAME", …)`."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / "edgesite" / "settings.py").read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        called = node.func
        of_environment = isinstance(called, ast.Attribute) and called.attr in READERS
        if of_environment or (isinstance(called, ast.Name) and called.id == "_key"):
            found.add(str(node.args[0].value))
    return found


def without_comments(page: str) -> str:
    return re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)


def requirement_names(file: str) -> set[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    return {re.split(r"[\[<>=~! ;]", line)[0].lower() for line in lines if line and not line.startswith("-")}


def test_every_setting_is_in_the_example_file() -> None:
    names = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert len(names) >= 28
    assert names == settings_read()


def test_every_dependency_has_its_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## \w+: `(\S+)`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert set(sections) == {path.name for path in ROOT.glob("requirements*.txt")}
    for file, text in sections.items():
        explained = set(re.findall(r"^\| `([\w-]+)` \| \S", text, re.MULTILINE))
        assert explained == requirement_names(file), file


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
        ROOT.glob("docs/**/*.md")
    )
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", without_comments(page.read_text(encoding="utf-8")))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert missing == []
