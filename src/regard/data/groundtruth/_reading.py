"""Tables, texts, names and boxes in files from outside, each checked."""

import csv
import re
from pathlib import Path
from typing import Any

from ...core.checks import bad
from .matching import normal
from .records import Box


def read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read the header and the rows, each with its line, all as long as the header."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise bad("ground truth", repr(str(path)), "a CSV table in UTF-8", f"It cannot be read: {error}") from None
    for line, row in rows:
        if len(row) != len(header):
            raise bad("ground truth", f"{len(row)} fields in line {line} of {path.name!r}", f"{len(header)}")
    return header, rows


def some(queries: list[Any], path: Path) -> list[Any]:
    if not queries:
        raise bad("ground truth", f"no query in {path.name!r}", "at least one")
    return queries


def once(images: list[Any], query: str) -> None:
    if len({normal(image) if isinstance(image, str) else image for image in images}) < len(images):
        raise bad("ground truth", f"an image twice in the lists of {query!r}", "each once at most")


def read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad("ground truth", repr(str(file)), "text", f"It cannot be read: {error}") from None


def name_of(name: Any, file: Path) -> str:
    parts = re.split(r"[/\\]", name) if isinstance(name, str) else []
    outside = not name or ".." in parts or parts[:1] == [""] or re.match(r"[A-Za-z]:", str(name))
    if not isinstance(name, str) or outside or not name.isprintable():
        raise bad("ground truth", f"{short(name)} in {file.name!r}", "names of images, without .. or a leading /")
    return name


def box_of(corners: Any, of: str) -> Box:
    try:
        x1, y1, x2, y2 = (float(corner) for corner in corners)
    except (TypeError, ValueError):
        raise bad("ground truth", f"{short(corners)} as the box of {of!r}", "x1, y1, x2, y2 in pixels") from None
    if not (0 <= x2 - x1 < float("inf") and 0 <= y2 - y1 < float("inf")):
        raise bad("ground truth", f"{short(corners)} as the box of {of!r}", "x1 <= x2 and y1 <= y2, finite")
    return x1, y1, x2, y2


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
