"""Scores of a dense model, and beside them what a page of its errors needs, of one pass over the pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ...data.imageset import ImageSet
from .examined_depth import DepthErrors, DepthSeen
from .examined_objects import KEPT, ObjectErrors, ObjectsSeen
from .examined_pixels import PixelErrors, PixelsSeen
from .examined_space import SpaceErrors, SpaceSeen
from .scoring import Answering, DenseScores, score
from .tally import Telling

Examined = ObjectErrors | PixelErrors | DepthErrors | SpaceErrors
# what looks on while a model is scored; called with what it tells, and how many of the worst pictures are kept
SEEN: dict[str, Callable[[Telling, int], ObjectsSeen | PixelsSeen | DepthSeen | SpaceSeen]] = {
    "boxes": lambda telling, kept: ObjectsSeen(telling.names, False, kept),
    "masks": lambda telling, kept: ObjectsSeen(telling.names, True, kept),
    "semantic": lambda telling, kept: PixelsSeen(telling.names, kept),
    "depth": lambda telling, kept: DepthSeen(kept),
    "boxes3d": lambda telling, kept: SpaceSeen(kept),
}


class Report(Protocol):
    """Writes a page into the folder of a run that has ended, such as `pages.dense_run.write_run_page`."""

    def __call__(
        self,
        folder: Path,
        images: ImageSet,
        scores: DenseScores,
        examined: Examined,
        facts: Mapping[str, object],
        notes: Sequence[str],
    ) -> None:
        """Write it: of the pictures that were scored."""
        ...


def examine(
    model: Answering,
    images: ImageSet,
    *,
    batch: int = 8,
    interval: bool = True,
    kept: int = KEPT,
    cap: float | None = None,
) -> tuple[DenseScores, Examined]:
    """Score a model as `score` does, and sort its errors.

    Memory grows by numbers with the pictures: the scores and overlaps of what was found. Boxes, masks and maps are kept
    of the worst pictures alone.

    Args:
        model: trained or read.
        images: with annotations.
        batch: pictures a call of the network.
        interval: tell the main measure's interval over pictures.
        kept: how many of the worst pictures are kept to be shown.
        cap: as in `score`.

    Raises:
        InputError: as `score`.
    """
    objective = model.objective
    kind = SEEN[objective.what](objective, kept)
    scores = score(model, images, batch=batch, interval=interval, seen=kind.add, cap=cap)
    return scores, kind.told()
