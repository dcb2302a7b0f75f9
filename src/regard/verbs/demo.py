"""`regard.demo`: the whole story on real images that come with the installation, or adaptation on a toy."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from ..core.checks import InputError, check_output
from ..core.leftovers import empty
from ..pages.demo import gains, write_demo_page
from ..pages.toy import write_toy_page
from ..report.gains import SIGNS, seconds
from ..report.html import Table
from ..studies import demo as study
from ..studies.demo_results import Demo, as_metrics
from ..studies.toy import Toy, run_toy
from ..studies.toy_families import ways
from ..studies.toy_shifts import SHIFTS
from ._result import Progress, Result, difference, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Demonstrated(Result):
    """What each step of the demonstration was worth.

    Attributes:
        report: the page that was written.
        found: all that was measured.
    """

    verb: ClassVar[str] = "demo"
    report: Path
    found: Demo

    def told(self) -> Mapping[str, object]:
        """Where the page is."""
        return {"report": self.report}

    def shown(self) -> Iterator[str | Table]:
        """A line for each step, with its gain, verdict and cost."""
        rows = [
            (
                gain.what,
                gain.figure(gain.baseline),
                gain.figure(gain.value),
                gain.told,
                gain.verdict,
                seconds(gain.seconds),
                f"{gain.mib:.0f} MiB",
            )
            for gain in gains(self.found)
        ]
        yield Table(["what", "baseline", "with", "gain [95 % interval]", "verdict", "time", "memory"], rows)
        yield ""
        yield f"{self.found.cost.seconds:.0f} s in all, at most {self.found.cost.peak_mib:.0f} MiB"
        yield f"report: {self.report}"

    def write_page(self, path: Path) -> None:
        """The report, with its figures."""
        write_demo_page(self.found, path)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Toyed(Result):
    """What each family of adaptation methods made of red and blue points.

    Attributes:
        report: the page that was written.
        found: all that was measured.
    """

    verb: ClassVar[str] = "demo"
    report: Path
    found: Toy

    def told(self) -> Mapping[str, object]:
        """Where the page is."""
        return {"report": self.report}

    def shown(self) -> Iterator[str | Table]:
        """A line for each method, with its gain on each shift."""
        rows = []
        for way in ways():
            cells = [self.found.contrast(shift, way.key) for shift in SHIFTS]
            rows.append([way.called, *(f"{SIGNS[c.verdict]} {100 * c.difference.mean:+.1f}" for c in cells)])
        yield "Gain in points over the same classifier without adaptation: ▲ gain, ▼ loss, = no gain"
        yield Table(["method", *(shift.title for shift in SHIFTS.values())], rows)
        yield ""
        yield f"{self.found.cost.seconds:.0f} s in all, at most {self.found.cost.peak_mib:.0f} MiB"
        yield f"report: {self.report}"

    def write_page(self, path: Path) -> None:
        """The page, with its pictures."""
        write_toy_page(self.found, path)


@verb
def demo(
    *,
    out: str | Path = Path("demo-report"),
    toy: bool = False,
    seeds: int = 5,
    steps: int = 200,
    seed: int = 0,
    progress: Progress | None = None,
) -> Demonstrated | Toyed:
    """Show the whole story on real images, and write a report; or adaptation on red and blue points.

    Learns from handwritten digits without their labels, counts how many labels that saves, carries a classifier from
    rendered to handwritten digits, and searches photographs by image; each with seeds, intervals and costs. Nothing is
    downloaded and nothing is precomputed. The folder is made anew.

    Args:
        out: the folder of the report and the runs. It takes no images of yours: they come with the installation.
        toy: write `toy.html` in place of all that: what each family of adaptation methods makes of points on a plane
            whose target has moved, turned, bent ...
        seeds: how often pretraining is repeated, or the points are drawn.
        steps: training steps of each run.
        seed: everything that is drawn follows from it.
        progress: shows the streams of events.

    Raises:
        InputError: a folder that holds other files.
    """
    place = Path(out)
    check_output("--out", place, folder=True)
    runs = place / "runs"
    if not empty(place) and not any((place / name).exists() for name in ("report.html", "toy.html", "runs")):
        raise InputError(f"--out: {str(place)!r} holds other files. Name a new or empty folder.")
    if toy:
        points = run_toy(seed=seed, seeds=seeds, steps=steps, watch=partial(watch_of, progress))
        rows = [
            difference(f"{shift}_{way.key}", points.contrast(shift, way.key).difference)
            for way in ways()
            for shift in SHIFTS
        ]
        page = write_toy_page(points, place / "toy.html")
        return Toyed(report=page, found=points, metrics=points.metrics(), differences=rows)
    shutil.rmtree(runs, ignore_errors=True)
    found = study.run_demo(runs, seed=seed, seeds=seeds, steps=steps, watch=partial(watch_of, progress))
    report = write_demo_page(found, place / "report.html")
    told = [difference(gain.what, gain.difference) | {"verdict": gain.verdict} for gain in gains(found)]
    return Demonstrated(report=report, found=found, metrics=as_metrics(found), differences=told)
