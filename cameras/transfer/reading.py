"""YAML and JSON text to a tree that knows the line of everything in it. Nothing is constructed but plain values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from cameras.core.transfer_file import KEYS, Tree, shown
from cameras.transfer.building import Builder, decode, refusal
from cameras.transfer.table import read_csv

# Numbers as JSON writes them, also in YAML: `007`, `1:20` and `yes` stay text and no camera's name turns into a number.
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
JSON_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,\n]|[^\s{}\[\]:,"]+')
WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _number(text: str, line: int) -> int | float | None:
    """None when it is no number."""
    match = NUMBER.fullmatch(text)
    if match is None:
        return None
    if len(text) > 40:
        raise refusal(line, "is a number with too many digits")
    return int(text) if match[1] is match[2] is None else float(text)


def read_yaml(text: str) -> Tree:
    """YAML without anchors, aliases and tags. Raises TransferError."""
    builder = Builder()
    try:
        for event in yaml.parse(text, Loader=Loader):
            _take_event(builder, event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refusal(mark.line + 1 if mark else 0, "is not YAML: %(problem)s", problem=_unquoted(error)) from None
    except yaml.YAMLError:
        raise refusal(0, "The file holds a character that YAML does not allow.") from None
    return builder.result()


def _unquoted(error: yaml.MarkedYAMLError) -> str:
    """What the parser complains of, without the piece of the file that it may quote."""
    return re.sub(r"['\"].*['\"]", "…", error.problem or "")[:120]


def _take_event(builder: Builder, event: Any) -> None:
    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise refusal(line, "anchors and aliases are not allowed")
    if getattr(event, "tag", None):
        raise refusal(line, "tags are not allowed")
    if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
        if builder.wants_key:
            raise refusal(line, "has a key that is not text")
        builder.value({} if isinstance(event, yaml.MappingStartEvent) else [], line)
    elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
        builder.close()
    elif isinstance(event, yaml.ScalarEvent):
        plain = event.implicit[0] and not builder.wants_key
        builder.value(_plain(event.value, line) if plain else event.value, line)


def _plain(text: str, line: int) -> Any:
    if text in WORDS:
        return WORDS[text]
    number = _number(text, line)
    return text if number is None else number


def read_json(text: str) -> Tree:
    """Strict JSON. Raises TransferError."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise refusal(0, "The file is empty.")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise refusal(error.lineno, "is not JSON: %(problem)s", problem=error.msg) from None
    except RecursionError:
        raise refusal(0, "is nested too deeply") from None
    except ValueError:
        raise refusal(0, "is a number with too many digits") from None
    builder = Builder()
    for piece, line in _json_tokens(text):
        if piece in ("{", "["):
            builder.value({} if piece == "{" else [], line)
        elif piece in ("}", "]"):
            builder.close()
        else:
            builder.value(_json_scalar(piece, line), line)
    return builder.result()


def _json_tokens(text: str) -> Iterator[tuple[str, int]]:
    """Tokens with their lines. The text is known to be JSON, so that what stands between them needs no check."""
    line = 1
    for match in JSON_TOKEN.finditer(text):
        piece = match[0]
        if piece == "\n":
            line += 1
        elif piece not in (",", ":"):
            yield piece, line


def _json_scalar(piece: str, line: int) -> Any:
    if piece.startswith('"'):
        return json.loads(piece)
    if piece in ("true", "false", "null"):
        return WORDS[piece]
    number = _number(piece, line)
    if number is None:
        raise refusal(line, "%(name)s is not a number that JSON knows", name=shown(piece))
    return number


READERS = {".yaml": read_yaml, ".yml": read_yaml, ".json": read_json, ".csv": read_csv}


def read_tree(name: str, data: bytes) -> Tree:
    """The file's content; the end of its name says what it is. Raises TransferError, and nothing else."""
    reader = next((read for suffix, read in READERS.items() if name.lower().endswith(suffix)), None)
    if reader is None:
        raise refusal(0, "The name of the file must end in .yaml, .yml, .json or .csv.")
    tree = reader(decode(data))
    if not isinstance(tree.value, dict) or not {"format", "site", *KEYS} & tree.value.keys():
        raise refusal(tree.line, "is not the file of a site: it has none of the sections of one")
    return tree
