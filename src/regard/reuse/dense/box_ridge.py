"""Where exactly an object is, from what a box shows: ridge regression of moves, one for each class.

Girshick, Donahue, Darrell, Malik 2014, Rich feature hierarchies, CVPR, appendix C, equations 1 to 5. Moves are those of
the middle, in the box's own sides, and the logarithms of how much the sides grow.
"""

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

CODER = BoxCoder((1.0, 1.0, 1.0, 1.0))


def moves(boxes: Tensor, right: Tensor) -> np.ndarray:
    """What brings boxes (n, 4) to the right ones (n, 4): (n, 4), in float64."""
    return CODER.encode_single(right.double(), boxes.double()).numpy()


def moved(boxes: Tensor, by: np.ndarray) -> Tensor:
    """Boxes (n, 4) float32 after moves (n, 4)."""
    return CODER.decode_single(torch.from_numpy(np.ascontiguousarray(by)), boxes.double()).view(-1, 4).float()


def ridge(vectors: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (d, t) and bias (t,) that minimise |X W + b - T|^2 + penalty |W|^2; no vectors: zeros.

    O(min(n, d)^2 * max(n, d)).

    Args:
        vectors: X (n, d).
        targets: T (n, t).
        penalty: above 0.
    """
    if not len(vectors):
        return np.zeros((vectors.shape[1], targets.shape[1])), np.zeros(targets.shape[1])
    x, t = vectors.astype(np.float64), targets.astype(np.float64)
    middle, mean = x.mean(0), t.mean(0)
    x, t = x - middle, t - mean
    if len(x) < x.shape[1]:
        weights = x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), t)
    else:
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ t)
    return weights, mean - middle @ weights
