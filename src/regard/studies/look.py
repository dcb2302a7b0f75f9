"""What a look inside a representation finds: filters, units with their patches, explained pictures, neighbours.

Every way that has a meaning for the network is taken; one that has none is left out with the reason, or is an error
where it was asked for by name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from torch import Tensor

from ..core.checks import bad
from ..core.events import Event, passing
from ..data.imageset import ImageSet
from ..representation.classifier import Classifier
from ..representation.representation import Representation
from ..representation.seeing.filters import first_filters
from ..representation.seeing.question import on_device, vectors_by
from ..representation.seeing.survey import prepared, survey
from .look_explained import Explained, explained
from .look_units import LayerSeen, seen_layer
from .look_ways import WAYS, chosen_layers, map_layers, possible_ways

Watch = Callable[[Iterable[Event]], Iterator[Event]]
VECTOR = "the vector"  # what neighbours are looked for by, after the layers
KEPT = 256  # prepared pictures that are held, for units that share them
__all__ = ["WAYS", "Looked", "Neighbours", "look"]


@dataclass(frozen=True)
class Neighbours:
    """The nearest of each explained picture in one layer: (row, cosine), from the nearest on."""

    layer: str
    found: list[list[tuple[int, float]]]


@dataclass(frozen=True, eq=False)
class Looked:
    """What was seen.

    Attributes:
        rep: the representation.
        images: the collection, for names and pictures.
        read: how many of it could be read.
        filters: the name of the first convolution and its weights (n, 3, h, w), or None.
        layers: from shallow to deep.
        shown: the pictures that are explained.
        queries: rows of the pictures whose neighbours are shown: those that are explained.
        cam: the layer on whose cells Grad-CAM is drawn, or None.
        neighbours: for each layer, and by the vector, the nearest of each query.
        left_out: ways that are not shown, and why.
        set_aside: pictures that could not be read, each as {path, cause}.
        notes: what was said of others.
    """

    rep: Representation
    images: ImageSet
    read: int
    filters: tuple[str, Tensor] | None
    layers: list[LayerSeen]
    shown: list[Explained]
    queries: list[int]
    cam: str | None
    neighbours: list[Neighbours]
    left_out: Mapping[str, str]
    set_aside: list[dict[str, str]]
    notes: list[str]


def look(
    rep: Representation,
    images: ImageSet,
    *,
    layers: Sequence[str] = (),
    ways: Sequence[str] = (),
    units: int = 6,
    shown: int = 4,
    neighbours: int = 5,
    classifier: Classifier | None = None,
    label: str | None = None,
    device: str = "auto",
    batch: int = 8,
    reading: Watch = iter,
    looking: Watch = iter,
) -> Looked:
    """Look inside a representation with the pictures of a collection.

    Args:
        rep: the representation.
        images: the collection.
        layers: names; none: a shallow, a middle and the last of the network's maps.
        ways: of `WAYS`, of which each must have a meaning; none: all that have one.
        units: to show of each layer.
        shown: pictures to explain, spread evenly over the collection.
        neighbours: to show of each of these.
        classifier: asked instead of the vector.
        label: the class that is asked about; None: the one that the classifier gives.
        device: auto | cpu | cuda | mps.
        batch: pictures a call of the network.
        reading: wraps the events of the pass over the collection.
        looking: wraps the events of what comes after it.

    Raises:
        InputError: a way that was named and has no meaning for this network, an unknown layer, nothing to read.
    """
    notes: list[str] = []
    if rep.transform is not None:
        notes.append(f"{rep.name} whitens or projects its vectors: pictures are explained by those before that")
        rep, classifier = replace(rep, transform=None), None
    on_device(rep, device)
    chosen = chosen_layers(rep, layers)
    ways_found = possible_ways(rep, chosen, ways, chosen if layers else map_layers(rep))
    taken = ways_found.taken
    rows, pixels = prepared(rep, images, spread(len(images), shown), shown)
    if not rows:
        raise bad("IMAGES", f"{images.name}, of which no picture can be read", "pictures")
    seen = survey(rep, images, chosen, rows, pixels, neighbours=neighbours, device=device, batch=batch, watch=reading)
    explains = bool(taken & {"occlusion", "guided", "gradcam"})
    vectors = vectors_by(rep, device, batch) if explains else None
    on_device(rep, device)  # the vectors may be made elsewhere
    by = [*(layer.name for layer in chosen), VECTOR]
    found = Looked(
        rep,
        images,
        seen.images,
        first_filters(rep.encoder.network) if "filters" in taken else None,
        [],
        [],
        rows,
        ways_found.cam.name if ways_found.cam is not None else None,
        [_near(name, one.images, one.scores) for name, one in zip(by, seen.near)] if "neighbours" in taken else [],
        ways_found.left_out,
        seen.set_aside,
        [*notes, *seen.notes],
    )

    @lru_cache(KEPT)
    def pixels_of(row: int) -> np.ndarray | None:
        again, read = prepared(rep, images, [row], 1)
        return read[0] if again else None

    units = units if taken & {"patches", "deconvnet"} else 0
    parts = [("layer", place) for place in range(len(chosen))]
    parts += [("picture", place) for place in range(len(rows)) if vectors is not None]
    for kind, place in passing(parts, len(parts), "seen", looking):
        if kind == "layer" or vectors is None:
            layer = chosen[place]
            found.layers.append(
                seen_layer(
                    rep,
                    layer,
                    seen.nine[place],
                    seen.shapes[place],
                    pixels_of,
                    count=units,
                    carried=layer.name in ways_found.carried,
                    guided=layer.name in ways_found.guided,
                )
            )
        else:
            found.shown.append(
                explained(
                    rep,
                    vectors,
                    rows[place],
                    pixels[place],
                    ways_found,
                    classifier=classifier,
                    label=label,
                    batch=batch,
                )
            )
    return found


def spread(n: int, count: int) -> list[int]:
    """All rows of n, beginning with so many that lie evenly among them.

    >>> spread(6, 2)
    [1, 4, 0, 2, 3, 5]
    """
    first = [int((place + 0.5) * n / count) for place in range(count)]
    return list(dict.fromkeys([*first, *range(n)]))


def _near(layer: str, images_QK: np.ndarray, scores_QK: np.ndarray) -> Neighbours:
    pairs = [
        [(int(row), float(score)) for row, score in zip(rows, scores) if row >= 0]
        for rows, scores in zip(images_QK, scores_QK)
    ]
    return Neighbours(layer, pairs)
