"""How similarity is counted: cosine, inner product, or Euclidean distance; larger scores are nearer."""

import numpy as np

from ....core.checks import bad, check_choice
from ....metrics.knn import unit

METRICS = ("cosine", "product", "euclidean")


def prepared(metric: str, vectors_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Vectors as they are compared, float32, and what is added to each one's product with a query, or None.

    Cosine: at length 1 (vectors of zeros stay). Euclidean: -|x|²/2.
    """
    check_choice("--metric", metric, METRICS)
    vectors = np.asarray(vectors_ND, np.float32)
    if metric == "product":
        return vectors, None
    squares = np.einsum("nd,nd->n", vectors, vectors)  # without an array of n d squares, which takes longer
    if metric == "euclidean":
        return vectors, -squares / 2
    return vectors / np.sqrt(np.where(squares > 0, squares, 1))[:, None], None


def prepared_queries(metric: str, query_QD: np.ndarray) -> np.ndarray:
    """Queries as they are compared.

    Raises:
        InputError: a query of zeros, which has no direction, by cosine or product.
    """
    queries = np.asarray(query_QD, np.float32)
    if metric == "euclidean":
        return queries
    if not np.linalg.norm(queries, axis=1).all():
        raise bad("query", "a vector of zeros", "vectors with a direction", "Is the image blank?")
    return unit(queries) if metric == "cosine" else queries


def scores(metric: str, sums_QK: np.ndarray, query_QD: np.ndarray) -> np.ndarray:
    """What is shown: the cosine, the product, or minus the distance, of products (with what was added)."""
    if metric == "cosine":
        return np.clip(sums_QK, -1, 1)  # rounding passes 1
    if metric == "product":
        return sums_QK
    squares = np.einsum("qd,qd->q", query_QD, query_QD)[:, None] - 2 * sums_QK
    return -np.sqrt(np.maximum(squares, 0))
