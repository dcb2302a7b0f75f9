"""`regard export`: a run or a representation as a file that other programs read."""

from pathlib import Path
from typing import Annotated

import typer

from ._out import say
from ._shared import Json, Quiet, emit


def export(
    source: Annotated[
        str,
        typer.Argument(metavar="RUN|REP", help="A run, whose classifier goes along, or a representation."),
    ],
    format_: Annotated[str, typer.Option("--format", help="onnx, openvino, timm or torchscript.")],
    out: Annotated[Path, typer.Option("--out", help="The .onnx, .xml or .pt file, or for timm a new folder.")],
    layout: Annotated[str, typer.Option(help="Of the input: nhwc (as pictures lie in memory) or nchw.")] = "nhwc",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a run or a representation for another program.

    The file takes uint8 pictures of any size and any number; resize, crop, normalisation, network, pooling, whitening
    and classifier are inside. The labels stand in the file's metadata. What was written is read again and compared
    with torch on real photographs: where a cosine is under 0.9999 or a label is another, the export fails and leaves
    nothing. A timm folder holds network and classifier, and tells timm how to prepare pictures.
    """
    from ..reuse.export.run import export as run

    made = run(source, out, format_, layout=layout)
    size = sum(path.stat().st_size for path in made.files)
    metrics = {
        "pictures": made.agreement.pictures,
        "cosine": made.agreement.cosine,
        "same_labels": made.agreement.same_labels,
        "probability_difference": made.agreement.probability,
        "classes": len(made.card["labels"]) if "labels" in made.card else None,
        "mib": round(size / 2**20, 2),
        "seconds": round(made.seconds, 3),
    }

    def human() -> None:
        say(f"{out}: {made.card['name']} as {format_}, {size / 2**20:.1f} MiB")
        if "input" in made.card:
            given = made.card["input"]
            say(f"takes {given['name']} uint8 {given['shape']}, gives {', '.join(made.card['outputs'])}")
        say(f"checked against torch: {made.agreement}")

    result = {"out": out, "format": format_, "files": list(made.files), "card": made.card}
    emit({**result, "metrics": metrics}, json, human)
