"""`regard.look`: what the units of a network answer to, and where in a picture its answer comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.checks import bad, check_choice, check_number, check_output
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..pages.look import table, write_look_page
from ..report.html import Table
from ..representation.classifier import Classifier, has_classifier, read_classifier
from ..representation.representation import Representation
from ..studies.look import WAYS, Looked
from ..studies.look import look as study
from ._given import Rep, Words, check_machine, given_images, named, told_aside, words
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Seen(Result):
    """What was seen inside a representation.

    Attributes:
        rep: the representation, as it was named.
        images: the collection, as it was named.
        out: the page that was written, or None.
        command: what the page names as the command that made it.
        found: layers with their units, explained pictures, neighbours.
    """

    verb: ClassVar[str] = "look"
    rep: str
    images: str
    out: Path | None
    command: str
    found: Looked

    def told(self) -> Mapping[str, object]:
        """The layers with their units and patches, the pictures, their neighbours, and what was left out."""
        name = self.found.images.called
        return {
            "rep": self.rep,
            "images": self.images,
            "layers": [
                {
                    "layer": one.name,
                    "units": one.channels,
                    "map": one.cells,
                    "field": one.field,
                    "shown": [
                        {
                            "unit": seen.unit,
                            "patches": [
                                {"image": name(p.image), "value": p.value, "rectangle": p.field} for p in seen.patches
                            ],
                        }
                        for seen in one.units
                    ],
                }
                for one in self.found.layers
            ],
            "pictures": [
                {"image": name(one.image), "class": one.label, "probability": one.probability}
                for one in self.found.shown
            ],
            "neighbours": {
                one.layer: {
                    name(query): [{"image": name(row), "cosine": score} for row, score in found]
                    for query, found in zip(self.found.queries, one.found)
                }
                for one in self.found.neighbours
            },
            "left_out": dict(self.found.left_out),
            **({"out": self.out} if self.out is not None else {}),
        }

    def shown(self) -> Iterator[str | Table]:
        """A row for each layer; then what was left out, and where the page is."""
        yield table(self.found)
        for way, why in self.found.left_out.items():
            yield f"left out: {way}: {why}"
        for note in self.notes:
            yield f"note: {note}"
        yield from told_aside(self.set_aside, "--json")
        yield f"report: {self.out}" if self.out is not None else "add --out page.html to see it"

    def write_page(self, path: Path) -> None:
        """Filters, units with their patches, explained pictures, neighbours."""
        write_look_page(path, self.found, self.rep, facts={"command": self.command})


@verb
def look(
    rep: Rep,
    images: object,
    *,
    layer: Words | None = None,
    way: Words | None = None,
    units: int = 6,
    shown: int = 4,
    class_: str | None = None,
    out: str | Path | None = None,
    batch: int = 8,
    device: str = "auto",
    progress: Progress | None = None,
) -> Seen:
    """Look inside a representation: what its units answer to, and where its answer to a picture comes from.

    Filters of the first layer; for units of each layer the nine patches of IMAGES that they answer to most, each
    beside what the deconvnet carries back; occlusion, guided backpropagation and Grad-CAM of a few pictures; their
    nearest neighbours layer by layer. A way that has no meaning for the network is left out, and the page says why.

    Args:
        rep: any representation: a name, a folder, or a `Representation`.
        images: a folder, a table, `builtin:NAME`, or images as Python holds them.
        layer: names of layers, with commas between them or as a list; none: a shallow, a middle and the last map.
        way: filters, patches, deconvnet, occlusion, guided, gradcam, neighbours; none: all that have a meaning. One
            that is named and has none is an error.
        units: to show of each layer: those that stand out most.
        shown: pictures to explain, spread evenly over the collection.
        class_: the class that is asked about, of a run with a classifier; otherwise the one that it answers. Of other
            representations it is asked what their vector comes from.
        out: write a page to this .html.
        batch: images a call of the network.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the streams of events.

    Raises:
        InputError: an unknown layer, way or class; a way that was named and has no meaning for this network, such as
            guided backpropagation of one that does not rectify; no image that can be read.
    """
    # all that can be wrong is told before anything is read
    if out is not None:
        check_output("--out", out, ".html")
    check_machine(device)
    check_number("--units", units, 1, whole=True)
    check_number("--images", shown, 1, whole=True)
    check_number("--batch", batch, 1, 4096, whole=True)
    layers, ways = words(layer or ()), [check_choice("--way", one, WAYS) for one in words(way or ())]
    loaded = rep if isinstance(rep, Representation) else Representation.load(rep)
    classifier = _classifier(loaded, class_)
    opened: ImageSet = open_images(given_images("IMAGES", images))
    found = study(
        loaded,
        opened,
        layers=layers,
        ways=ways,
        units=units,
        shown=shown,
        classifier=classifier,
        label=class_,
        device=device,
        batch=batch,
        reading=watch_of(progress, "read"),
        looking=watch_of(progress, "look"),
    )
    more = [f" --layer {one}" for one in layers] + [f" --way {one}" for one in ways]
    more += [f" --class {class_}"] if class_ is not None else []
    seen = Seen(
        rep=named(rep),
        images=named(images),
        out=None if out is None else Path(out),
        command=f"regard look {named(rep)} {named(images)}{''.join(more)} --units {units} --images {shown}",
        found=found,
        metrics=_metrics(found),
        notes=found.notes,
        set_aside=found.set_aside,
    )
    if seen.out is not None:
        seen.write_page(seen.out)
    return seen


def _classifier(rep: Representation, label: str | None) -> Classifier | None:
    """The classifier of a run's folder; None where there is none and none is needed."""
    if has_classifier(rep.loaded_from or ""):
        found = read_classifier(rep.loaded_from, "REP")
        if label is not None:
            check_choice("--class", label, found.classes)
        return found
    if label is not None:
        fix = "`regard finetune` and `regard create --task labels` make one; without --class its vector is explained."
        raise bad("--class", f"{label!r} of {rep.name}, which has no classifier", "a class of a run that has one", fix)
    return None


def _metrics(found: Looked) -> dict[str, float]:
    return {
        "images": found.read,
        "layers": len(found.layers),
        "units": sum(len(one.units) for one in found.layers),
        "patches": sum(len(unit.patches) for one in found.layers for unit in one.units),
        "explained": len(found.shown),
        "left_out": len(found.left_out),
    }
