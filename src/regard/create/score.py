"""How well held-out puzzles are solved, against chance, and whether the network cheats."""

from collections.abc import Callable
from math import floor

import torch
from torch import Tensor

from ..core.runtime import torch_rng
from ..metrics.intervals import binomial_p
from .feed import Feed
from .objective import Pupil

Change = Callable[[Tensor, torch.Generator], Tensor]


@torch.no_grad()
def held_out_scores(pupil: Pupil, exam: Feed, seed: int, change: Change | None = None) -> dict[str, float]:
    """Share of right answers on held-out images, with chance, the number of images n and a binomial p-value.

    The same puzzles each time: their draws come from the seed and the place in the set. Several answers on one image
    are not independent, so that the test counts each image once: the sum over images of the share that is right,
    rounded down, among n.

    Args:
        pupil: encoder and head; put in evaluation mode for the call.
        exam: the held-out images.
        seed: of the run.
        change: what to do to the images first (a `shortcut`).
    """
    device = next(pupil.parameters()).device
    was_training, shares = pupil.training, []
    pupil.eval()
    for place, batch in enumerate(exam.in_order(256)):
        generator = torch_rng(seed, "held out", place, device=str(device))
        batch = batch.to(device)
        if change:
            batch = batch._replace(images=change(batch.images.float() / 255, generator))
        shares.append(pupil.answers(batch, generator).mean(1).cpu())
    pupil.train(was_training)
    right = torch.cat(shares).double()
    n, chance = len(right), float(pupil.objective.chance)
    found = binomial_p(floor(float(right.sum()) + 1e-6), n, chance)
    return {"accuracy": float(right.mean()), "chance": chance, "n": n, "p_value": found}


def shortcut_scores(pupil: Pupil, exam: Feed, seed: int) -> dict[str, float]:
    """Accuracy on images from which an objective's `shortcuts` took what the puzzle is about; should be near chance."""
    if not hasattr(pupil.objective, "shortcuts"):
        return {}
    controls = pupil.objective.shortcuts()
    return {f"{name}_accuracy": held_out_scores(pupil, exam, seed, how)["accuracy"] for name, how in controls.items()}
