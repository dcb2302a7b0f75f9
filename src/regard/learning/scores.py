"""How well held-out puzzles are solved, against chance, and whether the network cheats."""

from collections.abc import Callable
from math import floor

import numpy as np
import torch
from torch import Tensor

from ..backbones.encoder import evaluating
from ..core.runtime import torch_rng
from ..metrics.collapse import effective_rank, feature_spread
from ..metrics.intervals import binomial_p
from ..metrics.knn import knn_predict
from .batches import Feed
from .objective import Altered, LearningModule, features_of

Change = Callable[[Tensor, torch.Generator], Tensor]


@torch.no_grad()
def held_out_scores(
    pupil: LearningModule, held_out: Feed, seed: int, change: Change | None = None, altered: Altered | None = None
) -> dict[str, float]:
    """Share of right answers on held-out images, with chance, the number of images n and a binomial p-value.

    The same puzzles each time: their draws come from the seed and the place in the set. Several answers on one image
    are not independent, so that the test counts each image once: the sum over images of the share that is right,
    rounded down, among n.

    Args:
        pupil: encoder and head; put in evaluation mode for the call.
        held_out: the held-out images.
        seed: of the run.
        change: what to do to the images first (a `shortcut`).
        altered: what to do to the puzzles that are made of them (`LearningModule.dealt_anew` for the control).
    """
    device = next(pupil.parameters()).device
    was_training, shares = pupil.training, []
    pupil.eval()
    for place, batch in enumerate(held_out.in_order(256)):
        generator = torch_rng(seed, "held out", place, device=str(device))
        batch = batch.to(device)
        if change:
            batch = batch._replace(images=change(batch.images.float() / 255, generator))
        shares.append(pupil.answers(batch, generator, altered).mean(1).cpu())
    pupil.train(was_training)
    right = torch.cat(shares).double()
    n, chance = len(right), float(pupil.objective.chance)
    found = binomial_p(floor(float(right.sum()) + 1e-6), n, chance)
    return {"accuracy": float(right.mean()), "chance": chance, "n": n, "p_value": found}


def control_scores(pupil: LearningModule, held_out: Feed, seed: int) -> dict[str, float]:
    """Accuracy against the answers of other images, and the p-value of its being above chance."""
    found = held_out_scores(pupil, held_out, seed, altered=pupil.dealt_anew)
    return {"shuffled_accuracy": found["accuracy"], "shuffled_p_value": found["p_value"]}


@torch.no_grad()
def feature_scores(
    encoder: torch.nn.Module,
    held_out: Feed,
    known: Feed | None = None,
    labels: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, float]:
    """Whether the features on held-out images have collapsed and, where labels are known, what they know of these.

    `feature_spread` and `effective_rank` (see `metrics.collapse`); with labels of the training images (n,) and of the
    held-out ones (m,) also `online_knn`, the accuracy of nearest neighbours. Labels are looked at, never learned from.
    """
    with evaluating(encoder):
        held = features_of(encoder, held_out).cpu().numpy()
        found = {"feature_spread": feature_spread(held), "effective_rank": effective_rank(held)}
        if labels is not None and known is not None:
            near = knn_predict(features_of(encoder, known).cpu().numpy(), labels[0], held)
            found["online_knn"] = float(np.mean(near == labels[1]))
    return found


def shortcut_scores(pupil: LearningModule, held_out: Feed, seed: int) -> dict[str, float]:
    """Accuracy on images without what the puzzle is about (`shortcuts`), and on puzzles without it (`blinded`)."""
    found = {}
    for name, how in getattr(pupil.objective, "shortcuts", dict)().items():
        found[f"{name}_accuracy"] = held_out_scores(pupil, held_out, seed, how)["accuracy"]
    for name, how in getattr(pupil.objective, "blinded", dict)().items():
        found[f"{name}_accuracy"] = held_out_scores(pupil, held_out, seed, altered=how)["accuracy"]
    return found
