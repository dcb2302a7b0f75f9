"""How well held-out puzzles are solved, against chance, and whether the network cheats."""

from math import floor

import numpy as np
import torch

from ..backbones.encoder import evaluating
from ..core.runtime import torch_rng
from ..metrics.collapse import effective_rank, feature_spread
from ..metrics.intervals import binomial_p
from ..metrics.knn import knn_predict
from .batches import Feed
from .module import LearningModule, features_of
from .objective import Altered, Change
from .scored import Scores


@torch.no_grad()
def held_out_scores(
    module: LearningModule, feed: Feed, seed: int, change: Change | None = None, altered: Altered | None = None
) -> Scores:
    """The objective's scores on held-out images; where a guess has a chance also that and n, and a binomial p-value.

    The same puzzles each time: their draws come from the seed and the place in the set. Several answers on one image
    are not independent, so that the test counts each image once: the sum over images of the share that is right,
    rounded down, among n.

    Args:
        module: encoder and head; put in evaluation mode for the call.
        feed: the held-out images.
        seed: of the run.
        change: what to do to the images first (a `shortcut`).
        altered: what to do to the puzzles that are made of them (`shuffled` for the control).
    """
    device, objective = next(module.parameters()).device, module.objective
    was_training, parts = module.training, []
    module.eval()
    for place, batch in enumerate(feed.in_order(256)):
        generator = torch_rng(seed, "held out", place, device=str(device))
        batch = batch.to(device)
        if change:
            batch = batch.replace(images=change(batch.images.float() / 255, generator))
        parts.append(module.measured(batch, generator, altered))
    module.train(was_training)
    columns = {name: torch.cat([part[name].cpu() for part in parts]).double() for name in parts[0]}
    values = objective.summary(columns)
    if objective.chance is not None:
        n, chance = len(next(iter(columns.values()))), float(objective.chance)
        values |= {"chance": chance, "n": n}
    if objective.chance is not None and objective.main in columns:  # else it is no mean over images
        right = columns[objective.main]
        values["p_value"] = binomial_p(floor(float(right.sum()) + 1e-6), n, chance)
    return Scores(values, objective.main, objective.higher)


def control_scores(module: LearningModule, feed: Feed, seed: int) -> dict[str, float]:
    """The main score against the answers of other images, and the p-value of its being above chance."""
    found = held_out_scores(module, feed, seed, altered=module.objective.shuffled)
    values = {f"shuffled_{found.main}": found.score}
    return values | ({"shuffled_p_value": found.values["p_value"]} if "p_value" in found.values else {})


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


def shortcut_scores(module: LearningModule, feed: Feed, seed: int) -> dict[str, float]:
    """The main score on images that lack what the puzzle is about (`shortcuts`), or what solves it (`blinded`)."""
    found, objective = {}, module.objective
    for name, change in objective.shortcuts().items():
        found[f"{name}_{objective.main}"] = held_out_scores(module, feed, seed, change).score
    for name, how in objective.blinded().items():
        found[f"{name}_{objective.main}"] = held_out_scores(module, feed, seed, altered=how).score
    return found
