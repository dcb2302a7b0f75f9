"""The log of a run, `events.jsonl`: one event a line, written as they come, and read back."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from .events import Event
from .reading import MOST_ROWS, check_plain, parsed, read_bytes
from .records import check_record, maybe, text, whole
from .records import number as numeric

_KEYS = {"kind": text, "step": whole(), "steps": whole()}


def logged(events: Iterable[Event], path: Path) -> Iterator[Event]:
    """Pass events on, and append each to a JSON-lines file as it comes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        check_plain(path, "a log of events")
    torn = path.exists() and _last_byte(path) not in (b"", b"\n")
    with open(path, "a", encoding="utf-8") as log:
        log.write("\n" if torn else "")  # a kill in the middle of a line must not take the next one with it
        for event in events:
            log.write(event.as_json() + "\n")
            log.flush()
            yield event


def read_log(path: Path) -> list[Event]:
    """Read a log back; a line cut short by a kill is left out.

    A resumed run writes some steps a second time: the later line of a (kind, step) stands.

    Raises:
        InputError: no such file, or a line that is JSON and no event: the line and the key are named.
    """
    rows: dict[tuple[str, int], Event] = {}
    lines = read_bytes(path, "a log of events", MOST_ROWS).split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        where = f"{path}: line {number}"
        row = check_record(where, parsed(line, where), _KEYS)
        kind, step, steps = row.pop("kind"), row.pop("step"), row.pop("steps")
        said = row.pop("text", "")
        text(f"{where}: text", said)
        check_record(where, row, dict.fromkeys(row, maybe(numeric())))
        values = {k: float("nan") if v is None else v for k, v in row.items()}
        rows[kind, step] = Event(kind, step, steps, values, said)
    return list(rows.values())


def _last_byte(path: Path) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 1))
        return file.read(1)
