"""`regard.export`: a run or a representation as a file that other programs read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.checks import bad
from ..report.html import Table
from ..reuse.export.run import Exported as Written
from ..reuse.export.run import export as run
from ._result import Result, verb


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Exported(Result):
    """What was written for another program.

    Attributes:
        out: the file or folder, as it was asked for.
        format_: onnx, openvino, timm or torchscript.
        found: the files, the card, and how it agrees with torch.
    """

    verb: ClassVar[str] = "export"
    out: Path
    format_: str
    found: Written

    def told(self) -> Mapping[str, object]:
        """The files and the card."""
        return {"out": self.out, "format": self.format_, "files": list(self.found.files), "card": self.found.card}

    def shown(self) -> Iterator[str | Table]:
        """What it is, takes and gives, and how it agrees with torch."""
        card = self.found.card
        yield f"{self.out}: {card['name']} as {self.format_}, {_bytes(self.found) / 2**20:.1f} MiB"
        if "input" in card:
            given = card["input"]
            yield f"takes {given['name']} uint8 {given['shape']}, gives {', '.join(card['outputs'])}"
        yield f"checked against torch: {self.found.agreement}"
        yield from card.get("notes", ())
        if self.metrics.get("objects") == 0 and card["task"] not in ("semantic", "depth"):
            yield "nothing was found in the check pictures: compare some of your own, in Python (`some=`)"


@verb
def export(source: str | Path, *, format_: str, out: str | Path, layout: str = "nhwc") -> Exported:
    """Write a run or a representation for another program.

    The file takes uint8 pictures of any size and any number; resize, crop, normalisation, network, pooling, whitening
    and classifier are inside. The labels stand in the file's metadata. What was written is read again and compared
    with torch on real photographs: where a cosine is under 0.9999 or a label is another, the export fails and leaves
    nothing. A timm folder holds network and classifier, and tells timm how to prepare pictures.

    Of a run of a dense task the head is inside, with non-maximum suppression: out come boxes, scores, classes and masks
    of one picture, or maps of classes of any number, in the pictures' own pixels. It fails where an object is not found
    again within half a pixel, or a thousandth of the pixels have another class.

    Args:
        source: a run's folder, whose classifier goes along, or a representation by name or folder. It does not take a
            `Representation` that was never saved.
        format_: onnx | openvino | timm | torchscript (`--format`).
        out: the .onnx, .xml or .pt file, or for timm a new folder.
        layout: of the input: nhwc (as pictures lie in memory) or nchw.

    Raises:
        InputError: unknown names, a file name without the format's ending, what the format has no place for.
        RunError: the network cannot be converted, or what was written departs from torch.
    """
    if not isinstance(source, str | Path):
        raise bad("RUN|REP", f"a {type(source).__name__}", "a name or a folder", "Save it first: rep.save(FOLDER).")
    found = run(source, out, format_, layout=layout)
    metrics = {
        **found.agreement.metrics,
        "classes": len(found.card["labels"]) if "labels" in found.card else None,
        "mib": round(_bytes(found) / 2**20, 2),
        "seconds": round(found.seconds, 3),
    }
    return Exported(out=Path(out), format_=format_, found=found, metrics=metrics)


def _bytes(found: Written) -> int:
    return sum(path.stat().st_size for path in found.files)
