"""An export of a dense run is compared with the run in torch: it must find the same objects, masks and pixels."""

from collections.abc import Sequence

import numpy as np
import torch

from ...core.checks import RunError
from ...data.scenes import scenes
from ..dense.alike import Alike, compared
from ..dense.answer import MAPS, Answer
from ..dense.frame import Framed, colour_bytes
from ..dense.model import DenseModel
from ..dense.objects import Found
from . import check
from .check import BATCH, Given
from .dense_graph import DenseGraph

SCENES = 6
PIXELS = 0.999  # share of pixels of the same class
LEVELS, SHARE = 2, 0.1  # grey levels that the letterbox may be off, and in which share of the pixels it may be so


def pictures() -> list[np.ndarray]:
    """Those of other exports, and rendered scenes, in which there are objects; (h, w, 3) uint8 of different sizes."""
    rendered = scenes(SCENES, size=128, seed=5)
    return [*check.pictures(), *(np.asarray(item) for item in rendered.items)]


def agreement(given: Given, model: DenseModel, graph: DenseGraph, some: Sequence[np.ndarray] | None = None) -> Alike:
    """Compare what an export gives with torch in fp32, each picture by itself; of maps of classes some as one batch.

    Boxes are compared in pixels of the run's square, in which it sees. The letterbox inside may differ from regard's
    by a grey level, and where two objects nearly tie that decides which is found; so the run looks at the pixels that
    the graph looks at, and these are compared with regard's own by themselves.

    Args:
        given: runs the export.
        model: what was exported, on the CPU.
        graph: what was written.
        some: pictures (h, w, 3) uint8; None: `pictures()`.

    Raises:
        RunError: the letterbox inside is not regard's, or the export gives something of another shape.
    """
    seen = pictures() if some is None else list(some)
    total = Alike()
    for row, picture in enumerate(seen):
        found = [np.asarray(value) for value in given(picture[None])]
        total = total.joined(_compared(_answer(picture, row, model, graph), found, graph))
    if graph.batch != 1:
        height, width = (min(picture.shape[at] for picture in seen[:BATCH]) for at in (0, 1))
        batch = [np.ascontiguousarray(picture[:height, :width]) for picture in seen[:BATCH]]
        rows = zip(*(np.asarray(value) for value in given(np.stack(batch))))
        for row, values in enumerate(rows):
            own = _answer(batch[row], row, model, graph)
            total = total.joined(_compared(own, [value[None] for value in values], graph))
    return total


@torch.no_grad()
def _answer(picture: np.ndarray, row: int, model: DenseModel, graph: DenseGraph) -> Answer:
    """What torch finds in a picture as the graph lays it into its square."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
    framed = Framed(picture.shape[0], picture.shape[1], model.objective.size)
    x = graph.letterbox(pixels[None])
    apart = (x[0] - framed.picture(pixels, colour_bytes(list(model.objective.colour))).float()).abs()
    if apart.max() > LEVELS or (apart > 0).float().mean() > SHARE:
        raise RunError(f"the letterbox of an export is {apart.max():.0f} grey levels off. Nothing was kept.")
    return model.find(x / 255, [framed], [row])[0]


def insist(found: Alike) -> Alike:
    """Return what is alike enough, else raise RunError."""
    if not found.good or found.pixels < PIXELS:
        raise RunError(
            f"export: what was written departs from torch ({found}); expected every object again within half a pixel "
            f"of the square, and {100 * PIXELS:g} % of the pixels of the same class. Nothing was kept."
        )
    return found


def _compared(answer: Answer, found: Sequence[np.ndarray], graph: DenseGraph) -> Alike:
    framed = Framed(*answer.size, graph.objective.size)
    try:
        maps = [values for name in MAPS if (values := getattr(answer, name)) is not None]
        if maps:
            return compared((maps[0][None],), (torch.from_numpy(found[0]),))
        masks = torch.from_numpy(found[3]).bool() if len(found) > 3 else None
        boxes, scores, classes = (torch.from_numpy(np.array(value)) for value in found[:3])
        if boxes.shape != (len(scores), 4) or (masks is not None and masks.shape != (len(scores), *answer.size)):
            raise ValueError(f"boxes {tuple(boxes.shape)} and scores {tuple(scores.shape)}")
        own = Found(answer.boxes * framed.scale, answer.scores, answer.classes, answer.masks)
        return compared([own], [Found(boxes * framed.scale, scores, classes, masks)])
    except (ValueError, RuntimeError, IndexError) as error:
        raise RunError(f"the export gives something of another shape ({error}). Nothing was kept.") from error
