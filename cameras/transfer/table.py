"""Cameras as CSV, for a spreadsheet: tolerant when read, careful when written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cameras.core.transfer_file import FORMAT, MOST_PROBLEMS, Problem, TransferError, Tree, shown
from cameras.transfer.building import MOST_VALUES, UNSTORABLE, refusal

COLUMNS = ("camera_id", "name", "device", "rtsp_url", "sub_url", "location", "enabled", "analyse", "max_fps")
TRUE, FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
KEEP_WHEN_EMPTY = {"device", "rtsp_url", "enabled", "analyse", "max_fps"}
# A spreadsheet runs what begins like this. An apostrophe before it makes text of it, also of what already has one.
FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
BOM = "\ufeff"


def guarded(text: str) -> str:
    """The cell's text with an apostrophe where a spreadsheet would take it for a formula."""
    return "'" + text if FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """The inverse of `guarded`."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def write_csv(cameras: Iterable[Mapping[str, Any]]) -> str:
    """One row a camera, with the byte order mark by which spreadsheets know UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for camera in cameras:
        writer.writerow([_cell(camera[column]) for column in COLUMNS])
    return BOM + out.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(str(value))


def read_csv(text: str) -> Tree:
    """The rows as the `cameras` of a site's file. Raises TransferError."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    root = Tree({"format": FORMAT, "cameras": []}, 1)
    cameras = root.children["cameras"] = Tree(root.value["cameras"], 1)
    columns: list[str] = []
    problems: list[Problem] = []
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(cells, line)
                continue
            _add_row(cameras, columns, cells, line, problems, decimal_comma=delimiter != ",")
            if len(problems) > MOST_PROBLEMS:
                break
    except csv.Error as error:
        raise refusal(max(reader.line_num, 1), "is not CSV: %(problem)s", problem=error) from None
    if not columns:
        raise refusal(0, "The file is empty.")
    if problems:
        raise TransferError(problems)
    return root


def _delimiter(text: str) -> str:
    """The one that stands most often in the first line that is not empty."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=header.count)


def _columns(cells: list[str], line: int) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    problems = [
        Problem(line, shown(cell), "is an unknown column; known: %(known)s", {"known": ", ".join(COLUMNS)})
        for cell, name in zip(cells, names, strict=True)
        if name not in COLUMNS and name
    ]
    problems += [Problem(line, name, "stands twice") for name in COLUMNS if names.count(name) > 1]
    if "camera_id" not in names:
        problems.append(Problem(line, "camera_id", "is missing"))
    if problems:
        raise TransferError(problems)
    return names


def _add_row(
    cameras: Tree, columns: list[str], cells: list[str], line: int, problems: list[Problem], *, decimal_comma: bool
) -> None:
    index = len(cameras.value)
    if index * len(COLUMNS) > MOST_VALUES:
        raise refusal(line, "The file holds more than %(count)s values.", count=MOST_VALUES)
    if any(
        cell.strip() and not column
        for column, cell in zip(columns + [""] * (len(cells) - len(columns)), cells, strict=False)
    ):
        problems.append(Problem(line, f"cameras[{index}]", "has more cells than there are columns"))
    row: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=False):
        if UNSTORABLE.search(cell):
            problems.append(Problem(line, f"cameras[{index}].{column}", "holds a character that cannot be stored"))
        elif column and (cell.strip() or column not in KEEP_WHEN_EMPTY):
            row[column] = _value(column, cell, decimal_comma=decimal_comma)
    cameras.value.append(row)
    cameras.children[index] = Tree(row, line)


def _value(column: str, cell: str, *, decimal_comma: bool) -> Any:
    """Text that is no value of its column stays text, which the schema then refuses by line."""
    if column in ("name", "location"):
        return unguarded(cell)
    text = unguarded(cell.strip())
    if column in ("enabled", "analyse"):
        word = text.lower()
        return True if word in TRUE else False if word in FALSE else text
    if column == "max_fps":
        try:
            return float(text.replace(",", ".") if decimal_comma else text)
        except ValueError:
            return text
    return text
