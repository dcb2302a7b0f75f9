"""Results in a better order: the chosen re-rankings, one after the other, on each query's first results."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from ....core.checks import bad, check_choice
from ....core.discover import load, names
from ..store.protocol import Store, vectors_in
from .hits import Hit

SHORT = {"qe": "expansion", "dba": "augmentation"}  # names by which they are known as well
SPATIAL = "spatial"  # looks at the pictures; the others look at the vectors
SHORTLIST = 200  # results that are put in a new order
DEPTH = 100  # of them whose geometry is verified


def read_stages(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """The re-rankings named in `a,b,c` or in a list, in this order.

    >>> read_stages("qe, spatial"), read_stages(None)
    (('expansion', 'spatial'), ())

    Raises:
        InputError: an unknown name, or one twice.
    """
    parts = (part.strip() for part in (given.split(",") if isinstance(given, str) else given or ()))
    stages = tuple(SHORT.get(part, part) for part in parts if part)
    for stage in stages:
        check_choice("--rerank", stage, [*names("rerank"), SPATIAL])
    if len(set(stages)) != len(stages):
        raise bad("--rerank", repr(given), "each re-ranking once")
    return stages


def rerank(
    stages: Sequence[str],
    hits: Sequence[Hit],
    query_D: np.ndarray,
    store: Store,
    picture: Path | np.ndarray | None = None,
    queries: np.ndarray | None = None,
) -> tuple[list[Hit], list[str]]:
    """One query's hits in a new order.

    Args:
        stages: names of re-rankings, in the order in which they are applied.
        hits: what the search found, best first.
        query_D: the query.
        store: where the hits' vectors are.
        picture: the query's path or pixels, which `spatial` needs.
        queries: (q, d) all that are asked together, this one among them: those that `csls` knows a domain by.

    Returns:
        The same hits; each one's `stages` says what score every stage gave it, and `verified` what geometry says. And
        what is to be said: images that could not be read.
    """
    found, notes = [replace(hit, stages={"search": hit.score}) for hit in hits], []
    for stage in stages:
        if stage == SPATIAL:
            found, said = _verified(found, picture)
            notes += said
        else:
            found = _by_vectors(stage, found, query_D, store, queries)
    return found, notes


def _by_vectors(
    stage: str, hits: list[Hit], query_D: np.ndarray, store: Store, queries: np.ndarray | None
) -> list[Hit]:
    if len(hits) < 2:
        return hits
    vectors = vectors_in(store.get([hit.id for hit in hits], ["id", "vector"]))
    # what came before may have changed the order; these go by cosine
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query_D)
    cosines = vectors @ query_D / np.where(lengths > 0, lengths, 1)
    first = np.argsort(-cosines, kind="stable")
    method = load("rerank", stage)
    given = {"queries": queries} if any(one.name == "queries" for one in fields(method)) else {}
    rows, scores = method(**given)(query_D[None], first[None], cosines[first][None], vectors)
    return [
        replace(hits[row], score=float(score), stages={**hits[row].stages, stage: float(score)})
        for row, score in zip(rows[0], scores[0])
    ]


def _verified(hits: list[Hit], picture: Path | np.ndarray | None) -> tuple[list[Hit], list[str]]:
    from ..verify.rerank import rerank_spatial

    if picture is None:
        raise bad("--rerank", SPATIAL, "a query that is an image", "Leave spatial out, or search by image.")
    missing = [hit.id for hit in hits[:DEPTH] if not hit.path]
    if missing:
        raise bad(
            "--rerank", f"{SPATIAL}, with {missing[0]!r} of unknown path", "an index that was made of image files"
        )
    # their places as scores: the order that came before, whatever its scores mean
    found = rerank_spatial(picture, [hit.path for hit in hits], -np.arange(len(hits)), DEPTH)
    notes = []
    if found.set_aside:
        first = found.set_aside[0]
        if len(found.set_aside) == min(len(hits), DEPTH):
            raise bad(
                "--rerank",
                f"{SPATIAL}, where none of the results can be read (first: {first['path']}: {first['cause']})",
                "image files where the index has them",
                "Were they moved? Tell it with `regard index IMAGES --out INDEX --update`.",
            )
        notes.append(
            f"{len(found.set_aside)} result(s) could not be compared; first: {first['path']}: {first['cause']}"
        )
    marked = [
        hit if seen is None else replace(hit, stages={**hit.stages, SPATIAL: float(seen.score)}, verified=seen)
        for hit, seen in zip(hits, found.verifications)
    ]
    return [marked[row] for row in found.order], notes
