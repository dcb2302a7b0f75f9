"""The one stream of progress: long work yields events, and whoever watches iterates over them.

The bar of the command line, the JSON-lines log, a plot and the web page are all loops over the same events.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .reading import MOST_ROWS, check_plain, parsed, read_bytes
from .records import check_record, maybe, text, whole
from .records import number as numeric

_KEYS = {"kind": text, "step": whole(), "steps": whole()}


@dataclass(frozen=True)
class Event:
    """What happened (`train`, `eval`, `checkpoint`, `done` ...), at which step of how many, with which numbers."""

    kind: str
    step: int = 0
    steps: int = 0
    values: dict[str, float] = field(default_factory=dict)
    text: str = ""

    def as_json(self) -> str:
        """One line of JSON; not-a-number becomes null, which JSON can say."""
        values = {k: (v if v == v and abs(v) != float("inf") else None) for k, v in self.values.items()}
        row = {"kind": self.kind, "step": self.step, "steps": self.steps, **values}
        return json.dumps(row | ({"text": self.text} if self.text else {}))


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


def last(events: Iterable[Event], kind: str) -> Event:
    """Run through all events and return the last one of a kind; raise LookupError if there was none."""
    found: Event | None = None
    for event in events:
        if event.kind == kind:
            found = event
    if found is None:
        raise LookupError(f"no {kind!r} event came")
    return found
