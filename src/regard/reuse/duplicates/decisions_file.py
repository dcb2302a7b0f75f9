"""A file of many decisions about pairs of images, as the page of copies writes it or a spreadsheet does.

JSON: `{"decisions": [{"a": ID, "b": ID, "verdict": "same" | "different"}, ...]}`; CSV: columns `a`, `b`, `verdict`.
All of it is read and checked before anything is remembered.
"""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.checks import InputError, bad, check_path
from ...core.storage import read_json
from .groups import VERDICTS, Decisions, ordered

EXPECTED = 'rows of a, b and verdict: JSON {"decisions": [{"a": ID, "b": ID, "verdict": "same"}]}, or CSV'
SHOWN = 5  # faults that a message names
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Chosen:
    """Decisions of a file, by content.

    Attributes:
        verdicts: to be remembered.
        gone: ids that the index does not have.
        alike: pairs called the same that are the same bytes, about which nothing need be remembered.
    """

    verdicts: Decisions
    gone: tuple[str, ...] = ()
    alike: int = 0


def read_rows(path: str | Path) -> list[Row]:
    """The rows (a, b, verdict) of a file; raises InputError, naming the row, where one is something else."""
    found = check_path("--decide", path, folder=False)
    try:
        held = _of_json(found) if found.suffix.lower() == ".json" else _of_csv(found)
    except (csv.Error, UnicodeDecodeError, RecursionError, OSError) as error:
        raise bad("--decide", f"{str(path)!r} ({error})", EXPECTED) from error
    rows: list[Row] = []
    for place, one in enumerate(held, 1):
        row = [one.get(name) for name in ("a", "b", "verdict")] if isinstance(one, dict) else []
        if len(row) != 3 or not all(isinstance(value, str) and value for value in row):
            raise bad("--decide", f"{str(path)!r} with row {place}: {str(one)[:80]}", EXPECTED)
        a, b, verdict = map(str, row)
        if verdict not in VERDICTS:
            raise bad("--decide", f"row {place} with the verdict {verdict[:40]!r}", f"one of {', '.join(VERDICTS)}")
        if a == b:
            raise bad("--decide", f"row {place} with twice {a!r}", "two images")
        rows.append((a, b, verdict))
    if not rows:
        raise bad("--decide", f"{str(path)!r}, which decides nothing", EXPECTED)
    return rows


def by_content(rows: Iterable[Row], content_of: Callable[[str], str | None], *, skip_gone: bool = False) -> Chosen:
    """Turn rows of ids into decisions about their contents.

    Args:
        rows: of `read_rows`.
        content_of: the content hash of an id; None where there is no such image. Raises InputError where it cannot be
            read.
        skip_gone: pass over pairs of which one is not there any more.

    Raises:
        InputError: ids that are not there (all are counted), images that cannot be read, one pair with two verdicts,
            the same bytes called different.
    """
    verdicts: Decisions = {}
    gone: dict[str, None] = {}
    faults: list[str] = []
    alike = 0
    for a, b, verdict in rows:
        try:
            one, other = content_of(a), content_of(b)
        except InputError as error:
            faults.append(str(error))
            continue
        if one is None or other is None:
            gone |= {name: None for name, content in ((a, one), (b, other)) if content is None}
            continue
        if one == other:
            alike += verdict == "same"
            if verdict != "same":
                faults.append(f"{a} and {b} are the same bytes and cannot be different")
        elif verdicts.setdefault(ordered(one, other), verdict) != verdict:
            faults.append(f"{a} and {b} are called same and different")
    if faults:
        raise bad("--decide", _listed(faults, "; "), "decisions that hold together", "Nothing was changed.")
    if gone and not skip_gone:
        raise bad(
            "--decide",
            f"{len(gone)} that the index does not have: {_listed(list(gone), ', ')}",
            "ids of the index",
            "Nothing was changed. With --skip-gone the decisions about these are passed over.",
        )
    return Chosen(verdicts, tuple(gone), alike)


def _of_json(path: Path) -> list[Any]:
    held = read_json(path)
    rows = held.get("decisions") if isinstance(held, dict) else None
    if not isinstance(rows, list):
        raise bad("--decide", repr(str(path)), EXPECTED)
    return rows


def _of_csv(path: Path) -> list[Any]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        missing = {"a", "b", "verdict"} - set(table.fieldnames or ())
        if missing:
            raise bad("--decide", f"{str(path)!r} without the column {sorted(missing)[0]}", EXPECTED)
        return list(table)


def _listed(what: list[str], apart: str) -> str:
    more = len(what) - SHOWN
    return apart.join(what[:SHOWN]) + (f" and {more} more" if more > 0 else "")
