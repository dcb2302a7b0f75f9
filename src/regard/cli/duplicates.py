"""`regard duplicates`: copies in a collection."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Json, Quiet, bar, give
from ._stores import AllowHost


def duplicates(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="A folder made by `regard index`, or images.")],
    pair: Annotated[
        list[str] | None, typer.Argument(metavar="[A B]", help="Two ids, with --decide.", show_default=False)
    ] = None,
    decide: Annotated[
        str | None,
        typer.Option(
            metavar="same|different|FILE",
            help="Remember that A and B are the same, or different; or all that a .json or .csv file says of pairs.",
            show_default=False,
        ),
    ] = None,
    skip_gone: Annotated[
        bool, typer.Option("--skip-gone", help="With a file: pass over images that the index does not have.")
    ] = False,
    decisions: Annotated[bool, typer.Option("--decisions", help="List what is remembered.")] = False,
    undo: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Take back what was decided about A and B.", show_default=False),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="What is shown: identical, same-photo, same-scene; one or more, as a,b.")
    ] = "identical,same-photo,same-scene",
    radius: Annotated[int, typer.Option(min=0, max=64, help="Bits in which hashes of candidates may differ.")] = 10,
    mirror: Annotated[bool, typer.Option(help="Look for mirrored copies, too.")] = True,
    limit: Annotated[int, typer.Option(min=1, help="Groups and pairs that are shown of each kind.")] = 200,
    out: Annotated[
        Path | None, typer.Option("--out", help="Show them as pictures in this .html.", show_default=False)
    ] = None,
    allow_host: AllowHost = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find copies in a collection: the same file, the same photo changed, and other photos of the same scene.

    Same photo: compressed, resized, lit, captioned, cropped, turned or mirrored. Same scene: one thing photographed
    twice, or one photo with something changed. Each pair says why. Groups hold copies of one another; what is a part
    of another image is told apart. What you decide about a pair holds after a file is renamed or moved.
    """
    from ..verbs import duplicates as verb

    found = verb.duplicates(
        index,
        pair,
        decide=decide,
        skip_gone=skip_gone,
        decisions=decisions,
        undo=undo,
        kind=kind,
        radius=radius,
        mirror=mirror,
        limit=limit,
        out=out,
        allow_host=allow_host,
        progress=bar(quiet),
    )
    give(found, json)
