"""From TRAIN and TEST to a learner and what it is asked: a linear family on vectors, or networks on images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.checks import bad, check_choice
from ...core.storage import hash_bytes, hash_json
from ...core.values import group_codes
from ...data.imageset import ImageSet
from ...learning.look import look, pick_size
from ...learning.objective import Split
from ...metrics.power_law import ALPHAS
from ...representation.embeddings import Embeddings
from . import networks, vectors
from .plan import RUNGS, Learner, Plan, rungs

CUTS = 8  # of a family that learns in a moment
NETWORK_CUTS, NETWORK_RUNGS, NETWORK_SEEDS = 4, 4, 2


@dataclass(frozen=True)
class Asked:
    """What `decompose` needs.

    Attributes:
        learner: the family.
        plan: what it is asked.
        content: a hash of the data.
        family: the family in words.
    """

    learner: Learner
    plan: Plan
    content: str
    family: str


def linear_family(
    train: Embeddings,
    test: Embeddings,
    *,
    axes: Sequence[int] = (),
    capacity: int | None = None,
    steps: int | None = None,
    cuts: int | None = None,
    seed: int = 0,
) -> Asked:
    """Linear classifiers on the first principal axes of frozen vectors.

    Args:
        train: labelled vectors; a column `identity` keeps a thing's pictures together.
        test: the same to be scored on.
        axes: of each member of the family; none: see `vectors.linear_learner`.
        capacity: the member that is taken apart, by its axes; None: the largest but one.
        steps: the length of training that is taken apart; None: 100.
        cuts: how often TRAIN is cut in halves; None: 8.
        seed: of the cuts.

    Raises:
        InputError: as `linear_learner` and `Plan`; a capacity that is not in the family.
    """
    labels = train.need_labels("TRAIN")
    known = [*axes, *([capacity] if axes and capacity is not None else [])]
    learner = vectors.linear_learner(
        train.vectors,
        labels,
        test.vectors,
        test.need_labels("TEST", 1),
        axes=known,
        steps=vectors.STEPS if steps is None else steps,
    )
    names = [str(one) for one in learner.axes]
    place = max(len(names) - 2, 0) if capacity is None else names.index(_known(str(capacity), names))
    length = learner.steps.index(vectors.STEPS if steps is None else steps)
    plan = Plan(
        labels,
        learner.capacities,
        learner.lengths,
        place,
        length,
        _things(train),
        _things(test),
        CUTS if cuts is None else cuts,
        1,
        seed,
        RUNGS,
    )
    sides = [[one.vectors.tobytes(), one.need_labels("", 1).astype(np.str_).tobytes()] for one in (train, test)]
    content = hash_bytes(*sides[0], *sides[1])
    return Asked(learner, plan, content, "linear classifiers on the first principal axes of frozen vectors")


def network_family(
    known: Split,
    content: str,
    backbones: Sequence[str],
    *,
    capacity: str | None = None,
    steps: int | None = None,
    cuts: int | None = None,
    device: str = "auto",
    seed: int = 0,
) -> Asked:
    """Networks that are trained from nothing.

    Args:
        known: labelled images to learn from, and to be scored on.
        content: a hash of both.
        backbones: names, the largest last.
        capacity: the one that is taken apart; None: the last but one.
        steps: the length of training that is taken apart; None: 200. Three times as many stand in for the optimum.
        cuts: how often TRAIN is cut in halves; None: 4.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: of cuts, first weights and orders.

    Raises:
        InputError: as `Plan`; a name twice, a capacity that is not in the family.
    """
    if len(set(backbones)) < len(backbones):
        raise bad("--backbone", ", ".join(backbones), "each network once")
    images, asked = known.train, networks.STEPS if steps is None else steps
    rungs(images.need_labels("TRAIN"), NETWORK_RUNGS)
    side = pick_size(look(images).side)
    several = tuple(factor * asked for factor in networks.FACTORS)
    learner = networks.NetworkLearner(images, known.held_out, tuple(backbones), several, side, device)
    place = max(len(backbones) - 2, 0) if capacity is None else backbones.index(_known(capacity, backbones))
    plan = Plan(
        images.need_labels("TRAIN"),
        learner.capacities,
        learner.lengths,
        place,
        0,
        _things(images),
        _things(known.held_out),
        NETWORK_CUTS if cuts is None else cuts,
        NETWORK_SEEDS,
        seed,
        NETWORK_RUNGS,
        1,
        ALPHAS[0],
    )
    order = hash_json([content, images.ids.tolist(), known.held_out.ids.tolist()])
    return Asked(learner, plan, order, f"networks of {side} pixels, trained from nothing")


def _known(capacity: str, names: Sequence[str]) -> str:
    return check_choice("--capacity", capacity, names)


def _things(data: Embeddings | ImageSet) -> np.ndarray | None:
    column = data.columns.get("identity")
    return None if column is None else group_codes(column, "identity")
