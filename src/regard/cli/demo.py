"""`regard demo`: the whole story on real images that come with the installation."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Json, Quiet, Seed, bar, give


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
    from ..verbs import demo as verb

    give(verb.demo(out=out, seeds=seeds, steps=steps, seed=seed, progress=bar(quiet)), json)
