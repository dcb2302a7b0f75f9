"""Labels spread along neighbours: what is near one another in the target has the same label.

Zhou, Bousquet, Lal, Weston & Schoelkopf 2004 (Learning with local and global consistency, NIPS 16): every sample gives
its label to its neighbours and takes theirs, again and again, while its own first label is kept in mind.

What differs: the width of the Gaussian is each sample's own (Zelnik-Manor & Perona 2004, Self-tuning spectral
clustering, NIPS 17), so that there is no unit to set, and the graph holds the nearest neighbours alone.
"""

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors

TOLERANCE = 1e-8


def graph(X: np.ndarray, neighbours: int) -> sp.csr_array:
    """Affinities S (n, n) of the nearest neighbours, symmetric and normalised: S = D^(-1/2) W D^(-1/2).

    W_ij = exp(-|x_i - x_j|^2 / (w_i w_j)) where one is among the other's `neighbours` nearest, else 0, with the width
    w_i half the distance to the last of them. O(n^2 d) time, O(n neighbours) memory and pieces of distances.

    >>> graph(np.array([[0.0], [1.0], [9.0], [10.0]]), 1).toarray().round(3).tolist()
    [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]
    """
    n = len(X)
    k = min(neighbours, n - 1)
    if k < 1:
        return sp.csr_array((n, n))
    apart, near = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(X).kneighbors()
    width = np.maximum(apart[:, -1] / 2, np.finfo(float).tiny ** 0.25)
    weights = np.exp(-(apart**2) / (width[:, None] * width[near]))
    one_way = sp.csr_array((weights.ravel(), near.ravel(), np.arange(0, n * k + 1, k)), (n, n))
    W = one_way.maximum(one_way.T)
    scale = 1 / np.sqrt(np.maximum(W.sum(axis=1), np.finfo(float).tiny))
    return sp.csr_array(sp.diags_array(scale) @ W @ sp.diags_array(scale))


def spread(X: np.ndarray, labels: np.ndarray, share: float = 0.9, neighbours: int = 8) -> np.ndarray:
    """Labels (n, K) after they spread: F = (1 - share) (I - share S)^-1 Y, each row divided by its sum.

    Found by F <- share S F + (1 - share) Y, which ends since `share` is below 1; O(n neighbours K) a round.

    Args:
        X: (n, d) samples.
        labels: Y (n, K), what is held of each at first: 0 or more, rows that sum to 1.
        share: how much of a label comes from its neighbours, 0 to 0.99; 0 gives `labels` back.
        neighbours: of each sample in the graph.

    >>> X = np.array([[0.0], [1.0], [1.5], [9.0], [10.0], [10.5]])
    >>> Y = np.array([[0.6, 0.4], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9], [0.1, 0.9], [0.6, 0.4]])
    >>> spread(X, Y, neighbours=2).argmax(axis=1).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    if share == 0:
        return labels
    S, F = graph(X, neighbours), labels
    for _ in range(int(np.ceil(np.log(TOLERANCE) / np.log(share)))):
        new = share * (S @ F) + (1 - share) * labels
        moved, F = float(np.abs(new - F).max()), new
        if moved < TOLERANCE:
            break
    return F / np.maximum(F.sum(axis=1, keepdims=True), np.finfo(float).tiny)
