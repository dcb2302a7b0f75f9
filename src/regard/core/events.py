"""The one stream of progress: long work yields events, and whoever watches iterates over them.

The bar of the command line, the JSON-lines log, a plot and the web page are all loops over the same events.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


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
    torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with open(path, "a", encoding="utf-8") as log:
        log.write("\n" if torn else "")  # a kill in the middle of a line must not take the next one with it
        for event in events:
            log.write(event.as_json() + "\n")
            log.flush()
            yield event


def read_log(path: Path) -> list[Event]:
    """Read a log back; a last line cut short by a kill is left out.

    A resumed run writes some steps a second time: the later line of a (kind, step) stands.
    """
    rows: dict[tuple[str, int], Event] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        kind, step, steps = row.pop("kind"), row.pop("step"), row.pop("steps")
        text = row.pop("text", "")
        values = {k: float("nan") if v is None else v for k, v in row.items()}
        rows[kind, step] = Event(kind, step, steps, values, text)
    return list(rows.values())


def last(events: Iterable[Event], kind: str) -> Event:
    """Run through all events and return the last one of a kind; raise LookupError if there was none."""
    found: Event | None = None
    for event in events:
        if event.kind == kind:
            found = event
    if found is None:
        raise LookupError(f"no {kind!r} event came")
    return found
