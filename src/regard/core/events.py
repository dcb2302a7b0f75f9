"""The one stream of progress: long work yields events, and whoever watches iterates over them.

The bar of the command line, the JSON-lines log, a plot and the web page are all loops over the same events.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Event:
    """What happened (`train`, `eval`, `checkpoint`, `done` ...), at which step of how many, with which numbers."""

    kind: str
    step: int = 0
    steps: int = 0
    values: dict[str, float] = field(default_factory=dict)
    text: str = ""

    def as_json(self) -> str:
        """One line of JSON; not-a-number becomes null, which a score that nothing tells is already."""
        values = {k: v if v is not None and isfinite(v) else None for k, v in self.values.items()}
        row = {"kind": self.kind, "step": self.step, "steps": self.steps, **values}
        return json.dumps(row | ({"text": self.text} if self.text else {}))


def last(events: Iterable[Event], kind: str) -> Event:
    """Run through all events and return the last one of a kind; raise LookupError if there was none."""
    found: Event | None = None
    for event in events:
        if event.kind == kind:
            found = event
    if found is None:
        raise LookupError(f"no {kind!r} event came")
    return found


def passing(
    items: Iterable[Item], total: int, kind: str, watch: Callable[[Iterable[Event]], Iterable[Event]]
) -> Iterator[Item]:
    """Pass items on as they come, while `watch` sees an event of this kind for each of `total`, and `done`.

    >>> [item for item in passing("ab", 2, "seen", lambda events: (print(e.kind, e.step) or e for e in events))]
    seen 1
    seen 2
    done 2
    ['a', 'b']
    """
    handed: list[Item] = []

    def events() -> Iterator[Event]:
        for count, item in enumerate(items, 1):
            handed.append(item)
            yield Event(kind, min(count, total), total)
        yield Event("done", total, total)

    for _ in watch(events()):
        yield from handed
        handed.clear()
