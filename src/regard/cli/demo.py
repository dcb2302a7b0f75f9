"""`regard demo`: the whole story on real images that come with the installation."""

from pathlib import Path
from typing import Annotated

import typer

from ._out import say
from ._progress import watcher
from ._shared import Json, Quiet, Seed, difference, emit, table


def demo(
    out: Annotated[Path, typer.Option("--out", help="The folder of the report and the runs.")] = Path("demo-report"),
    seeds: Annotated[int, typer.Option(min=2, help="How often pretraining is repeated.")] = 5,
    steps: Annotated[int, typer.Option(min=20, help="Training steps of each run.")] = 200,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show the whole story on real images, and write a report.

    Learns from handwritten digits without their labels, counts how many labels that saves, carries a classifier from
    rendered to handwritten digits, and searches photographs by image; each with seeds, intervals and costs. Nothing
    is downloaded and nothing is precomputed. The folder is made anew.
    """
    import shutil

    from ..core.checks import InputError, check_output
    from ..report.gains import seconds
    from ..studies.demo import as_metrics, run_demo
    from ..studies.demo_report import gains, write_demo_report

    check_output("--out", out, folder=True)
    runs = out / "runs"
    if out.is_dir() and any(out.iterdir()) and not (out / "report.html").exists() and not runs.exists():
        raise InputError(f"--out: {str(out)!r} holds other files. Name a new or empty folder.")
    shutil.rmtree(runs, ignore_errors=True)
    found = run_demo(runs, seed=seed, seeds=seeds, steps=steps, watch=lambda title: watcher(title, quiet=quiet))
    report = write_demo_report(found, out / "report.html")

    def human() -> None:
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
            for gain in gains(found)
        ]
        table(["what", "baseline", "with", "gain [95 % interval]", "verdict", "time", "memory"], rows)
        say()
        say(f"{found.cost.seconds:.0f} s in all, at most {found.cost.peak_mib:.0f} MiB")
        say(f"report: {report}")

    told = [difference(gain.what, gain.difference) | {"verdict": gain.verdict} for gain in gains(found)]
    emit({"report": report, "differences": told, "metrics": as_metrics(found)}, json, human)
