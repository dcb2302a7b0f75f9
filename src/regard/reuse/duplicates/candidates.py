"""Which pairs of a collection are worth a closer look: near by perceptual hash, as they are or turned, or by vector."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...core.checks import bad, check_matrix
from ...data.phash import as_hashes, hash_of, near_hashes, turned
from ...representation.embeddings import Embeddings
from ..search.nearest.exact import top_by_product

Candidates = dict[tuple[int, int], dict[str, Any]]


def by_hash(greys: Sequence[np.ndarray], radius: int, mirror: bool = True) -> Candidates:
    """Pairs i < j of (32, 32) grey pictures whose hashes differ in at most `radius` bits, turned or not.

    Each with `hamming`, the least number of bits, and `place`: `phash.turned(i, place)` is what j is near to; places
    from 4 on are mirrored. O(n^2), eight times over (four without `mirror`).
    """
    hashes, there = as_hashes(hash_of(grey) for grey in greys)
    rows = np.flatnonzero(there)
    found: Candidates = {}
    for place in range(8 if mirror else 4):
        if place == 0:
            i, j, bits = near_hashes(hashes[rows], radius)
        else:
            # a turned picture has as much contrast, so that it has a hash, too
            changed, _ = as_hashes(hash_of(turned(greys[row], place)) for row in rows.tolist())
            i, j, bits = near_hashes(changed, radius, hashes[rows])
            i, j, bits = i[i < j], j[i < j], bits[i < j]
        for pair, value in zip(zip(rows[i].tolist(), rows[j].tolist()), bits.tolist()):
            if pair not in found or value < found[pair]["hamming"]:
                found[pair] = {"hamming": value, "place": place}
    return found


def by_vector(unit_ND: np.ndarray, top: int, cosine: float) -> Candidates:
    """Pairs i < j where one is among the other's `top` nearest and their cosine is at least so large, with `cosine`.

    O(n^2 d), in pieces.
    """
    rows, scores = top_by_product(unit_ND, unit_ND, top + 1)  # one place is its own
    found: Candidates = {}
    for i, (near, values) in enumerate(zip(rows.tolist(), scores.tolist())):
        others = [(j, value) for j, value in zip(near, values) if j != i][:top]
        for j, value in others:
            if value >= cosine:
                found[min(i, j), max(i, j)] = {"cosine": value}
    return found


def unit_vectors(vectors: Embeddings | ArrayLike, ids: np.ndarray) -> np.ndarray:
    """The vector of each id, brought to length 1.

    Args:
        vectors: (n, d) in the order of the ids, or `Embeddings`.
        ids: (n,).

    Raises:
        InputError: vectors of another number, ids without a vector, a vector of zeros.
    """
    if isinstance(vectors, Embeddings):
        places = {name: row for row, name in enumerate(vectors.ids.tolist())}
        missing = [name for name in ids.tolist() if name not in places]
        if missing:
            raise bad("vectors", f"none for {len(missing)} images (first: {missing[0]})", "one for each image")
        vectors = vectors.vectors[[places[name] for name in ids.tolist()]]
    array = check_matrix("vectors", vectors).astype(np.float32)
    if len(array) != len(ids):
        raise bad("vectors", f"{len(array)} vectors", f"one for each of the {len(ids)} images")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if not lengths.all():
        raise bad("vectors", f"a vector of zeros (row {int(np.argmin(lengths))})", "vectors with a direction")
    return array / lengths
