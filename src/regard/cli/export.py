"""`regard export`: a run or a representation as a file that other programs read."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Json, Quiet, give


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

    Of a run of a dense task the head is inside, with non-maximum suppression: out come boxes, scores, classes and masks
    of one picture, or maps of classes of any number, in the pictures' own pixels. It fails where an object is not found
    again within half a pixel, or a thousandth of the pixels have another class.
    """
    from ..verbs import export as verb

    give(verb.export(source, format_=format_, out=out, layout=layout), json)
