"""Vectors with the structure of real ones, in any number: a mixture of two levels, made piece by piece.

100 great clusters, 4,000 small ones in them with sizes of Zipf's law (exponent 0.7), each with 48 directions of its own
in which it spreads; the spectrum falls as a power. At length 1. How hard it is to search is measured with it: the local
dimension (maximum likelihood over 100 neighbours, Levina and Bickel 2004), about 15 to 25 for embeddings of
photographs, and the contrast (mean distance by that of the nearest), about 4 there; less is harder.
"""

from collections.abc import Iterator

import numpy as np

GREAT, SMALL, RANK, PIECE = 100, 4000, 48, 50_000
OF_SMALL, WITHIN = 0.55, 0.60  # spread of small clusters about great ones, and within small ones


class Mixture:
    """The mixture for vectors of `dim` numbers."""

    def __init__(self, dim: int = 512, seed: int = 0) -> None:
        draw = np.random.default_rng([seed, 0])
        self.dim, self.seed = dim, seed
        spectrum = np.arange(1, dim + 1) ** -0.4
        spectrum *= np.sqrt(dim / (spectrum**2).sum())
        great = draw.standard_normal((GREAT, dim)) * spectrum
        self.centres = great[draw.integers(0, GREAT, SMALL)] + OF_SMALL * draw.standard_normal((SMALL, dim)) * spectrum
        share = np.arange(1, SMALL + 1) ** -0.7
        self.share = share / share.sum()
        # directions of a small cluster: 48 of a common basis, so that four thousand bases need no memory
        self.basis = np.linalg.qr(draw.standard_normal((dim, dim)))[0]
        self.chosen = np.stack([draw.choice(dim, RANK, replace=False) for _ in range(SMALL)])

    def pieces(self, n: int, what: int = 1) -> Iterator[np.ndarray]:
        """Pieces (m, dim) float32 of n vectors; another `what` gives others from the same mixture."""
        for start in range(0, n, PIECE):
            draw = np.random.default_rng([self.seed, what, start])
            m = min(PIECE, n - start)
            cluster = draw.choice(SMALL, m, p=self.share)
            spread = np.zeros((m, self.dim), np.float32)
            np.put_along_axis(spread, self.chosen[cluster], draw.standard_normal((m, RANK)).astype(np.float32), axis=1)
            scale = WITHIN * np.sqrt(self.dim / RANK)
            x = (self.centres[cluster] + scale * (spread @ self.basis.T.astype(np.float32))).astype(np.float32)
            yield x / np.linalg.norm(x, axis=1, keepdims=True)

    def sample(self, n: int, what: int = 1) -> np.ndarray:
        """All n vectors in one array."""
        found = np.empty((n, self.dim), np.float32)
        for place, piece in enumerate(self.pieces(n, what)):
            found[place * PIECE : place * PIECE + len(piece)] = piece
        return found


def local_dimension(distances_QK: np.ndarray) -> float:
    """Levina and Bickel's estimate from sorted distances to the k nearest, averaged as MacKay and Ghahramani do."""
    logs = np.log(distances_QK[:, -1:] / distances_QK[:, :-1])
    return float(1 / logs.mean(axis=1).mean())
