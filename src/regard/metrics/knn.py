"""Weighted nearest neighbours: the classifier that learns nothing, and so shows what the vectors hold as they are.

Wu et al. 2018 (Unsupervised feature learning via non-parametric instance discrimination, arXiv 1805.01978, section
3.4) with k = 20 as in Caron et al. 2021 (DINO, arXiv 2104.14294): each of the k nearest training vectors by cosine
votes for its label with weight exp(cosine / 0.07). Both constants are fixed, so that figures compare.
"""

import numpy as np

K, TEMPERATURE = 20, 0.07
_CHUNK = 1024  # test vectors compared at once


def knn_predict(train: np.ndarray, labels: np.ndarray, test: np.ndarray, k: int = K) -> np.ndarray:
    """Labels (m,) of test vectors (m, d), by the k nearest of training vectors (n, d) with labels (n,).

    With fewer than k training vectors all of them vote. A vector of zeros is at cosine 0 to everything.

    >>> knn_predict(np.eye(2), np.array(["x", "y"]), np.array([[0.9, 0.1], [0.0, 2.0]])).tolist()
    ['x', 'y']
    """
    classes, codes = np.unique(labels, return_inverse=True)
    known, asked = unit(train), unit(test)
    k = min(k, len(known))
    found = []
    for start in range(0, len(asked), _CHUNK):
        cosine = asked[start : start + _CHUNK] @ known.T
        near = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        rows = np.arange(len(near))[:, None]
        # the largest weight is scaled to 1: exp(1 / 0.07) is near the end of float32
        weight = np.exp((cosine[rows, near] - cosine.max(axis=1, keepdims=True)) / TEMPERATURE)
        votes = np.zeros((len(near), len(classes)))
        np.add.at(votes, (rows, codes[near]), weight)
        found.append(votes.argmax(axis=1))
    return classes[np.concatenate(found)]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, d) divided by their lengths; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
