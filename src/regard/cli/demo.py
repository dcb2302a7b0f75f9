"""`regard demo`: the whole story on real images that come with the installation."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Json, Quiet, Seed, bar, give


def demo(
    out: Annotated[Path, typer.Option("--out", help="The folder of the report and the runs.")] = Path("demo-report"),
    toy: Annotated[bool, typer.Option("--toy", help="Adaptation on red and blue points instead.")] = False,
    seeds: Annotated[int, typer.Option(min=2, help="How often pretraining is repeated, or points are drawn.")] = 5,
    steps: Annotated[int, typer.Option(min=20, help="Training steps of each run.")] = 200,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show the whole story on real images, and write a report; or adaptation on red and blue points.

    Learns from handwritten digits without their labels, counts how many labels that saves, carries a classifier from
    rendered to handwritten digits, and searches photographs by image; each with seeds, intervals and costs. Nothing
    is downloaded and nothing is precomputed. The folder is made anew.

    With --toy it writes toy.html instead: red and blue points whose target has moved, turned, bent ..., and what each
    family of adaptation methods makes of that, before and after.
    """
    from ..verbs import demo as verb

    give(verb.demo(out=out, toy=toy, seeds=seeds, steps=steps, seed=seed, progress=bar(quiet)), json)
