"""The representation itself after each task: what is still in it, how far it moved, what an old index is worth.

| name | what, of task j after task t | source |
|---|---|---|
| `probe` | accuracy of a fresh linear layer fitted on its images; mean IoU where it segments | Davari et al. 2022 |
| `drift` | 1 - linear CKA of the test part's vectors now and when task j was learned | Kornblith et al. 2019 |
| `stale` | mean average precision in an index of the test part made when task j was learned, queries embedded now | |
| `again` | the same with the index made anew now | |

Davari et al. 2022, Probing representation forgetting in supervised and unsupervised continual learning, CVPR. The last
three are measured from the row on in which task j is learned. The vectors of then are `vectors/NN.safetensors` in the
run's folder, so that memory holds those of one task at a time.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ..core.checks import check_choice
from ..core.storage import load_tensors, save_tensors
from ..data.imageset import ImageSet
from ..metrics.cka import linear_cka
from .players.contract import Asked, Player, embedded, found_again
from .players.fresh import NAN, Fresh

LOOKS = ("probe", "drift", "stale", "again")


def checked_looks(looks: bool | Sequence[str]) -> tuple[str, ...]:
    """The names in their order; True: all of them.

    >>> checked_looks(["stale", "drift"])
    ('drift', 'stale')
    """
    if isinstance(looks, bool):
        return LOOKS if looks else ()
    asked = [check_choice("looks", one, LOOKS) for one in ([looks] if isinstance(looks, str) else looks)]
    return tuple(name for name in LOOKS if name in asked)


def looked(
    names: Sequence[str],
    row: int,
    asked: Sequence[Asked],
    player: Player,
    probe: Callable[[int, Asked], float],
    out: Path,
) -> dict[str, list[float]]:
    """The measures of one row.

    Args:
        names: some of `LOOKS`.
        row: t.
        asked: the test parts.
        player: after task t.
        probe: the score of a fresh probe of task j, by its place and what is asked.
        out: the run's folder.

    Returns:
        For each name one number a test part, NaN where it is not measured.
    """
    found: dict[str, list[float]] = {name: [] for name in names}
    for place, one in enumerate(asked):
        told = _beside(place, one, row, player, out) if set(names) - {"probe"} and one.learned <= row else {}
        if "probe" in found:
            told["probe"] = probe(place, one)
        for name, values in found.items():
            values.append(told.get(name, NAN))
    return found


def linear_probe(asked: Asked, player: Player, fresh: Fresh, out: Path) -> float:
    """A fresh linear layer on the labels of a task's images; NaN where there are none, or one class."""

    def vectors(images: ImageSet) -> np.ndarray:
        # not the player's own, which are kept: these are of all images to learn from
        return embedded(player.representation, images, cache=not player.moves)

    if not asked.labelled:
        return NAN
    if asked.kind == "segment":
        return fresh.score(asked, player.representation, vectors, out)
    return fresh.linear(asked, vectors)


def _beside(place: int, asked: Asked, row: int, player: Player, out: Path) -> dict[str, float]:
    """The vectors of now beside those of then."""
    file, now = out / "vectors" / f"{place:02d}.safetensors", player.vectors(asked.test)
    if asked.learned == row:
        save_tensors(file, {"vectors": torch.from_numpy(np.ascontiguousarray(now))}, seal=True)
    then = load_tensors(file)["vectors"].numpy()
    told = {"drift": 1 - linear_cka(now, then) if len(now) > 1 else NAN}
    if asked.kind != "segment":
        labels = asked.test.need_labels("TEST", 1).astype(str)
        told |= {"stale": found_again(now, labels, then), "again": found_again(now, labels)}
    return told
