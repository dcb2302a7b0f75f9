"""What every verb gives: a frozen result that says itself as JSON, as a table, as a page, on a terminal, in a notebook.

A verb's own result derives from `Result` with `@dataclass(frozen=True, kw_only=True, repr=False, eq=False)`, names its
verb, and says two things: `told`, what its JSON holds beside the shape that all share, and `shown`, what a terminal
shows. `@verb` around the function adds what was said by the way of the data, and the time.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from ..core.events import Event
from ..core.heard import heard, listening
from ..core.storage import plain
from ..report.html import Table
from ._render import grid, text_lines

if TYPE_CHECKING:
    import pandas
    from rich.console import RenderableType

# wraps a stream of events, whose title is the second argument, and shows it; the bar of the command line is one
Progress = Callable[[Iterable[Event], str], Iterator[Event]]
Watch = Callable[[Iterable[Event]], Iterator[Event]]
Given = ParamSpec("Given")


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Result:
    """What a verb found.

    Attributes:
        metrics: flat names to numbers; None where there is none.
        notes: sentences that a reader should know.
        set_aside: what could not be used, each as {name or path, cause}.
        differences: each as {name, mean, low, high, verdict ...}.
        heard: what was said by the way of data that were opened.
        elapsed: seconds that the whole verb took.
    """

    verb: ClassVar[str] = ""
    metrics: Mapping[str, float | None]
    notes: Sequence[object] = ()
    set_aside: Sequence[Mapping[str, str]] = ()
    differences: Sequence[Mapping[str, Any]] = ()
    heard: Sequence[str] = ()
    elapsed: float = 0.0

    def told(self) -> Mapping[str, object]:
        """What the JSON object holds beside the shape that all share."""
        return {}

    def shown(self) -> Iterator[str | Table]:
        """What a terminal shows: lines and tables, in order."""
        yield Table(["figure", "value"], list(self.metrics.items()))

    def blocks(self) -> Iterator[str | Table]:
        """The same for a page and a notebook; a verb that shows tables as plain text gives them here as tables."""
        return self.shown()

    def rows(self) -> Table:
        """The main table: the first that is shown, else the metrics."""
        tables = (one for one in self.shown() if isinstance(one, Table))
        return next(tables, Table(["figure", "value"], list(self.metrics.items())))

    def write_page(self, path: Path) -> None:
        """Write the page; a verb that has one of its own writes it here."""
        from ..pages.figures import write_figures_page

        write_figures_page(path, self.verb, list(self.blocks()), self.metrics, self.set_aside)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that the command line prints with `--json`.

        It has one shape over all verbs: `metrics` maps flat names to numbers (None where there is none), always with
        `seconds` (of the whole verb, where it gives no others) and `set_aside` (how many); `notes` is a list of
        sentences, `set_aside` one of {name, cause, path}, `differences` one of {name, mean, low, high, verdict ...}
        and `verdicts` their verdicts by name. Whatever else the verb tells stands beside these.

        Raises:
            TypeError: the metrics are not flat numbers, which is a mistake in the verb.
        """
        metrics = dict(self.metrics)
        for name, value in metrics.items():
            if value is not None and (isinstance(value, bool) or not hasattr(value, "__float__")):
                raise TypeError(f"metrics[{name!r}] must be a number or None, got {type(value).__name__}")
        notes = list(dict.fromkeys([*map(_sentence, self.notes), *self.heard]))
        # `path` is what the name was called before
        aside = [{"name": one["path"], **one} for one in self.set_aside] or _told_aside(notes)
        metrics.setdefault("set_aside", len(aside))
        metrics.setdefault("seconds", round(self.elapsed, 3))
        told = self.told()
        shape = {
            "notes": notes,
            "set_aside": aside,
            "differences": list(self.differences),
            "verdicts": told.get("verdicts", {one["name"]: one["verdict"] for one in self.differences}),
            "metrics": metrics,
        }
        found: dict[str, Any] = plain({**told, **shape})
        return found

    def to_html(self, path: str | Path) -> Path:
        """Write a page of the result as one file of HTML, and return its path.

        Raises:
            InputError: the file's name does not end with .html.
        """
        from ..report.html import check_page

        page = check_page("path", path)
        self.write_page(page)
        return page

    def to_pandas(self) -> "pandas.DataFrame":
        """The rows of the main table as a data frame.

        Raises:
            ImportError: pandas is not installed; regard does without it elsewhere.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas: pandas is not installed. Install it: pip install pandas") from error
        table = self.rows()
        return pandas.DataFrame([list(row) for row in table.rows], columns=list(table.columns))

    def __rich_console__(self, console: object, options: object) -> "Iterator[RenderableType]":
        """What `rich.print` shows: the same as the command line."""
        from rich.text import Text

        for one in self.shown():
            yield grid(one) if isinstance(one, Table) else Text(text_lines(one)[0])

    def __repr__(self) -> str:
        return "\n".join(line for one in self.shown() for line in text_lines(one))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from ..report.html import fragment

        return fragment(list(self.blocks()))


Found = TypeVar("Found", bound=Result)


def verb(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """Around a verb's function: its result also says what was heard by the way, and how long it took."""

    @wraps(function)
    def run(*args: Given.args, **given: Given.kwargs) -> Found:
        began = time.monotonic()
        with listening():
            found = function(*args, **given)
            return replace(found, heard=heard(), elapsed=time.monotonic() - began)

    return run


def watch_of(progress: Progress | None, title: str) -> Watch:
    """The function that `watch=` arguments of the rooms take: the stream goes through `progress`, if there is one."""
    return iter if progress is None else partial(_watched, progress, title)


def _watched(progress: Progress, title: str, events: Iterable[Event]) -> Iterator[Event]:
    return progress(events, title)


def difference(name: str, found: Any) -> dict[str, Any]:
    """A `Difference` as it stands in `differences`."""
    return {"name": name, **found.as_dict(), "verdict": found.verdict}


def _sentence(note: object) -> str:
    """A note in words; one that counts images has the first of them."""
    return f"{note['note']}, such as {note['first']}" if isinstance(note, Mapping) else str(note)


def _told_aside(notes: Sequence[str]) -> list[dict[str, str]]:
    """What was set aside, where a verb's work tells it by its notes."""
    told = [note.partition(" was set aside: ") for note in notes]
    return [{"name": name, "path": name, "cause": cause} for name, said, cause in told if said]
