"""The one stream of progress: long work yields events, and whoever watches iterates over them.

The bar of the command line, the JSON-lines log, a plot and the web page are all loops over the same events.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite


@dataclass(frozen=True)
class Event:
    """What happened (`train`, `eval`, `checkpoint`, `done` ...), at which step of how many, with which numbers."""

    kind: str
    step: int = 0
    steps: int = 0
    values: dict[str, float] = field(default_factory=dict)
    text: str = ""

    def as_json(self) -> str:
        """One line of JSON; not-a-number becomes null, which JSON can say, and so does a figure that nothing tells."""
        values = {k: (v if v is not None and isfinite(v) else None) for k, v in self.values.items()}
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
