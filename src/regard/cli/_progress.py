"""Progress on standard error: a bar on a terminal, a line now and then in a log; the events pass through unchanged."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

from ..core.events import Event
from ..core.shown import visible
from ._out import console, say

EVERY = 10.0  # seconds between two lines where there is no terminal
_SILENT = ("checkpoint",)  # comes often, and says nothing that somebody who watches needs


def watcher(title: str, *, quiet: bool = False) -> Callable[[Iterable[Event]], Iterator[Event]]:
    """Give the function that `watch=` arguments take: it wraps a stream of events and shows it (`watched`)."""
    return partial(watched, title=title, quiet=quiet)


def watched(events: Iterable[Event], title: str, *, quiet: bool = False) -> Iterator[Event]:
    """Pass events on, and show how far they are, how fast, what they measured and how long is left.

    >>> from regard.core.events import Event
    >>> [event.step for event in watched((Event("train", step, 3) for step in (1, 2, 3)), "train", quiet=True)]
    [1, 2, 3]
    """
    if quiet:
        yield from events
    elif sys.stderr.isatty():
        with _bars(title) as show:
            yield from _shown(events, show)
    else:
        yield from _shown(events, _lines(title, sys.stderr))


def clock(seconds: float) -> str:
    """Say a time in minutes and seconds, or in hours and minutes.

    >>> clock(75), clock(3661)
    ('1:15', '1 h 01')
    """
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def _shown(events: Iterable[Event], show: Callable[[Event], None]) -> Iterator[Event]:
    for event in events:
        show(event)
        yield event


def _lines(title: str, stream: TextIO, now: Callable[[], float] = time.monotonic) -> Callable[[Event], None]:
    """Show a line every `EVERY` seconds, at the last step, and for every text."""
    first: Event | None = None  # a resumed run starts in the middle; its rate counts from there
    start = last = 0.0
    told = (-1, -1)  # a count is told once, however many events stand at it
    values: dict[str, float] = {}

    def show(event: Event) -> None:
        nonlocal first, start, last, values, told
        if event.text and event.kind not in _SILENT:
            say(f"{title}: {event.text}", to=stream)
        # what a check between two lines measured is told with the next line
        values |= event.values
        if not event.steps:
            return
        if first is None or event.steps != first.steps or event.step < first.step:
            first, start, last = event, now(), now()
        ended = event.step >= event.steps
        if told == (event.step, event.steps) or (now() - last < EVERY and not ended):
            return
        told = (event.step, event.steps)
        last = now()
        parts = [f"{title}: {event.step}/{event.steps}"]
        if event.step > first.step and last > start:
            rate = (event.step - first.step) / (last - start)
            parts.append(f"{rate:.3g}/s")
            parts.append(f"in {clock(last - start)}" if ended else f"{clock((event.steps - event.step) / rate)} left")
        say("  ".join([*parts, _say(values)]), to=stream)
        values = {}

    return show


@contextmanager
def _bars(title: str) -> Iterator[Callable[[Event], None]]:
    """Show a bar for each count that runs; what is measured in between is told at the bar that runs."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3g}/s" if task.speed else "", style="dim")

    columns = (
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[values]}", style="dim", markup=False),
    )
    title = visible(title)
    with Progress(*columns, console=console(error=True)) as progress:
        values: dict[str, float] = {}
        running: Task | None = None

        def show(event: Event) -> None:
            nonlocal running, values
            if event.text and event.kind not in _SILENT:
                progress.console.print(Text(f"{title}: {visible(event.text)}"))
            if event.steps and (running is None or event.steps != running.total or event.step < running.completed):
                values = {}
                progress.add_task(title, total=event.steps, completed=event.step, values="")
                running = progress.tasks[-1]
            values |= event.values
            if running is not None:
                step = event.step if event.steps else running.completed
                progress.update(running.id, completed=step, values=_say(values))

        yield show


def _say(values: dict[str, float]) -> str:
    return "  ".join(f"{visible(name)} {value:.4g}" for name, value in values.items())
