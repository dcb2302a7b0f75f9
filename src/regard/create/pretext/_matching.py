"""Matching: whether a prediction is nearest to its own image's answer, among those of a few other images.

So that every task has an accuracy with a known chance, also those that paint, reconstruct or pull views together.
"""

import torch
from torch import Tensor


def own_is_nearest(predicted_ND: Tensor, true_ND: Tensor, candidates: int) -> Tensor:
    """(N', 1) of 0 and 1: is each prediction nearer to its own row of `true` than to any other row of its contest?

    Contests are `candidates` consecutive rows; the last part contest is left out, so that chance is 1 / candidates.
    Squared distances in float32; an answer that ties with another is wrong.

    >>> x = torch.eye(4)
    >>> own_is_nearest(x, x, 2).T.tolist(), own_is_nearest(x, x.flip(0), 4).T.tolist()
    ([[1.0, 1.0, 1.0, 1.0]], [[0.0, 0.0, 0.0, 0.0]])
    >>> own_is_nearest(torch.zeros(4, 2), torch.ones(4, 2), 2).sum().item()  # all alike: nothing is told apart
    0.0
    """
    whole = len(predicted_ND) // candidates * candidates
    with torch.autocast(predicted_ND.device.type, enabled=False):
        p = predicted_ND[:whole].flatten(1).float().reshape(-1, candidates, predicted_ND[0].numel())
        t = true_ND[:whole].flatten(1).float().reshape(p.shape)
        distance = (p.square().sum(2)[:, :, None] + t.square().sum(2)[:, None] - 2 * p @ t.transpose(1, 2)).clamp(min=0)
    own = distance.diagonal(dim1=1, dim2=2)
    others = distance.masked_fill(torch.eye(candidates, dtype=torch.bool, device=distance.device), torch.inf)
    # rounding must not decide between answers that are the same
    return (own < others.min(2).values * (1 - 1e-6)).float().reshape(whole, 1)
