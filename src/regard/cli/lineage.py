"""`regard lineage`: which representation came from which."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Json, Quiet, give


def lineage(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where runs lie, at any depth.")],
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page with the tree to this .html.", show_default=False)
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw which representation came from which, with their tasks and scores.

    Every representation below the folder is found by its card. Parents that are not there are named; circles of
    parents are cut and told; other files are passed over. Weights are not read.
    """
    from ..verbs import lineage as verb

    give(verb.lineage(folder, report=report), json)
