"""Everything a person reads exists in Simplified Chinese, and the compiled catalogue is that of the text file."""

from __future__ import annotations

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import translation

from detection import live_texts

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Path("locale/zh_Hans/LC_MESSAGES/django.po")
SOURCES = ("edgesite", "cameras", "recordings", "detection", "templates", "locale")
ENTRY = re.compile(
    r'^(?:msgctxt "(?P<context>.+)"\n)?msgid "(?P<id>.+)"\n(?:msgid_plural "(?P<plural>.+)"\n)?'
    r'msgstr(?:\[0\])? "(?P<text>.*)"',
    re.MULTILINE,
)


def untranslated(catalogue: Path) -> list[str]:
    text = catalogue.read_text(encoding="utf-8")
    fuzzy = re.findall(r'^#,.*fuzzy.*\n(?:#.*\n)*msgid "(.*)"', text, re.MULTILINE)
    return fuzzy + [entry["id"] for entry in ENTRY.finditer(text) if not entry["text"]]


@pytest.mark.integration  # runs xgettext over everything
def test_every_text_of_the_source_is_translated(tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        pytest.fail("xgettext is missing: apt-get install gettext")
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    before = len(ENTRY.findall((tmp_path / CATALOGUE).read_text(encoding="utf-8")))
    command = ["manage.py", "makemessages", "-l", "zh_Hans", "--no-wrap", "--no-obsolete"]
    environment = os.environ | {"VAR_DIR": str(tmp_path), "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "edgesite.settings"}
    subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, check=True)
    assert before > 200
    assert untranslated(tmp_path / CATALOGUE) == []


def test_the_compiled_catalogue_is_that_of_the_text_file() -> None:
    source = ROOT / CATALOGUE
    with source.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in ENTRY.finditer(source.read_text(encoding="utf-8")):
        context, key, plural = (_unquote(entry[name] or "") for name in ("context", "id", "plural"))
        if plural:
            found = compiled.ngettext(key, plural, 2)
        else:
            found = compiled.pgettext(context, key) if context else compiled.gettext(key)
        assert found == _unquote(entry["text"])


def _unquote(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n")


def test_what_a_reader_says_of_its_camera_is_named_for_translation() -> None:
    """What is a plain text at least; one with the camera's address in it is shown as it comes."""
    found: set[str] = set()
    for path in [*(ROOT / "detection/ingest").glob("*.py"), *(ROOT / "cameras/streams").glob("*.py")]:
        found |= set(re.findall(r'(?:IngestError\(|reason = |words = |, )"([a-z][^"{]+)"(?:, (?:True|False)\)|, retryable|\n)',
                                path.read_text(encoding="utf-8")))  # fmt: skip
    assert len(found) > 15
    assert found - {"stopped"} <= set(live_texts.REASONS)


def test_placeholders_survive_translation() -> None:
    text = (ROOT / CATALOGUE).read_text(encoding="utf-8")
    for entry in ENTRY.finditer(text):
        holes = re.findall(r"\{\w+\}|%\(\w+\)s", entry["plural"] or entry["id"])
        assert sorted(holes) == sorted(re.findall(r"\{\w+\}|%\(\w+\)s", entry["text"])), entry["id"]


def test_the_scripts_are_given_their_words_in_the_language_of_the_request() -> None:
    with translation.override("en"):
        english = live_texts.vocabulary()
    with translation.override("zh-hans"):
        chinese = live_texts.vocabulary()
    assert english["states"]["lost"] == {"tone": "bad", "shape": "triangle", "word": "lost"}
    assert chinese["states"]["lost"] == {"tone": "bad", "shape": "triangle", "word": "信号丢失"}
    assert chinese["algorithms"]["intrusion"] == "区域入侵"
    assert {key for key, text in chinese["texts"].items() if text == english["texts"][key]} == set()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "just now"), (4.9, "just now"), (5, "5 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (3599, "59 min ago"),
     (3600, "1 h ago"), (86_400, "1 d ago"), (400_000, "4 d ago")],
)  # fmt: skip
def test_ages_in_words(seconds: float, words: str) -> None:
    with translation.override("en"):
        assert live_texts.relative(seconds) == words
