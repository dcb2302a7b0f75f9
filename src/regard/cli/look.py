"""`regard look`: what the units of a network answer to, and where in a picture its answer comes from."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Batch, Device, Images, Json, Quiet, bar, give


def look(
    rep: Annotated[
        str, typer.Argument(metavar="REP", help="imagenet, random:NAME, timm:NAME, torchvision:NAME or a folder.")
    ],
    images: Images,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME", help="A layer; may be given many times.", show_default="three maps"),
    ] = None,
    way: Annotated[
        list[str] | None,
        typer.Option(
            "--way",
            metavar="NAME",
            help="filters, patches, deconvnet, occlusion, guided, gradcam or neighbours; may be given many times.",
            show_default="all that have a meaning",
        ),
    ] = None,
    units: Annotated[int, typer.Option("--units", min=1, help="Units to show of each layer.")] = 6,
    shown: Annotated[int, typer.Option("--images", min=1, help="Pictures to explain.")] = 4,
    class_: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="The class that is asked about.", show_default="the run's answer"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write a page to this .html.", show_default=False)] = None,
    batch: Batch = 8,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look inside a representation: what its units answer to, and where its answer to a picture comes from.

    Filters of the first layer; for units of each layer the nine patches of IMAGES that they answer to most, each
    beside what the deconvnet carries back; occlusion, guided backpropagation and Grad-CAM of a few pictures; their
    nearest neighbours layer by layer. A way that has no meaning for the network is left out, and the page says why;
    one that is named by --way is an error then.
    """
    from ..verbs import look as verb

    seen = verb.look(
        rep,
        images,
        layer=layer,
        way=way,
        units=units,
        shown=shown,
        class_=class_,
        out=out,
        batch=batch,
        device=device,
        progress=bar(quiet),
    )
    give(seen, json)
