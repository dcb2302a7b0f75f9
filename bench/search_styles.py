"""The same icon in another drawing style: what whitening and re-ranking give to search across styles.

A query is an icon in one style; its twin in the other style is the one right answer among the icons of that style. Half
of the icons (drawn by seed) teach, the other half is asked and searched: no icon is on both sides. All six ordered
pairs of three styles, five draws. Arms, each at its defaults: cosine of the bundled `imagenet`; whitening without
labels, fitted on the vectors that are searched, or on the teaching icons of all styles; learned whitening, fitted on
the teaching icons with the icon as the label; each style's own mean taken off its vectors; CSLS among all queries, or
by the collection alone, on these, on plain and on learned-whitened vectors; then re-rankings of the first 200 on plain
and on learned-whitened vectors, for 100 queries of each pair and draw, against the same queries without.

Intervals hold the luck of icons, whose hits are averaged over pairs, and of draws, which share half of them. Bar: no
whitening, centring or CSLS loses: its interval against what it changes does not lie below 0. The power of the variances
(0.25) was chosen on draws 0 and 1; here are draws 10 to 14.

    python bench/search_styles.py --data FOLDER [--seeds 5] [--out FILE]     FOLDER holds styles/STYLE/CLASS/ID.png

About five minutes on two cores.
"""

import argparse
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from styles import icons

from regard.core.discover import load
from regard.metrics.contrast import contrast
from regard.metrics.intervals import accuracy_interval
from regard.metrics.knn import unit
from regard.representation.embed import embed
from regard.representation.transform.whitening import fit_whitening
from regard.reuse.search.nearest.exact import top_by_product
from regard.reuse.search.rerank.csls import NEIGHBOURS, csls, nearness

STYLES = ("flat", "line", "render3d")
FIRST = 10  # of the draws
SHORTLIST = 200
RERANKED = 100  # queries of each pair and draw that are re-ranked
RERANKINGS = ("expansion", "augmentation", "kreciprocal", "diffusion")
WHITENINGS = ("whitened on what is searched", "whitened on other icons", "learned on other icons")
STAYED = "the taught among the searched"  # where the teaching icons stay in the collection
CENTRED = "each style's mean taken off"
BY_COLLECTION = "csls by the collection"  # an item's neighbours are other items, as where one query is known
SCALED = ("imagenet, cosine", CENTRED, WHITENINGS[2])  # these with CSLS as well


def main() -> int:
    """Search, print the table; 1 where a whitening loses."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    vectors, names = {}, None
    for style in STYLES:
        images = icons(options.data / "styles" / style)
        made = embed(images, "imagenet")
        order = np.argsort(made.columns["identity"])
        if names is not None and not np.array_equal(names, made.columns["identity"][order]):
            raise SystemExit("the styles hold different icons")
        names, vectors[style] = made.columns["identity"][order], made.vectors[order]
    assert names is not None
    hits = [searched(vectors, len(names), seed) for seed in range(FIRST, FIRST + options.seeds)]
    return finish("search_styles", table(hits), options.out)


def searched(vectors: dict[str, np.ndarray], n: int, seed: int) -> dict[str, np.ndarray]:
    """Arm -> (pairs, n, 2): whether an icon's twin came first, and among the first ten; NaN for teaching icons."""
    order = np.random.default_rng(seed).permutation(n)
    teach, asked = order[: n // 2], np.sort(order[n // 2 :])
    some = np.sort(np.random.default_rng([seed, 1]).choice(len(asked), RERANKED, replace=False))
    pool = np.concatenate([vectors[style][teach] for style in STYLES])
    label = np.tile(teach, len(STYLES)).astype(str)
    blind, learned = fit_whitening(pool), fit_whitening(pool, label)
    found: dict[str, list[np.ndarray]] = {}
    for one, other in permutations(STYLES, 2):
        query, collection = vectors[one][asked], vectors[other][asked]
        arms = {"imagenet, cosine": (unit(query), unit(collection))}
        for name, step in zip(WHITENINGS, (fit_whitening(collection), blind, learned)):
            arms[name] = unit(step.apply(query)), unit(step.apply(collection))
        # what an unlabelled collection and its queries allow: each side's own mean
        arms[CENTRED] = unit(query - query.mean(axis=0)), unit(collection - collection.mean(axis=0))
        for name, (q, c) in arms.items():
            if name in SCALED:
                best = np.argsort(-csls(q, c), axis=1, kind="stable")[:, :SHORTLIST]
                found.setdefault(f"{name}, csls", []).append(marked(best, asked, n))
                best = np.argsort(-by_collection(q, c), axis=1, kind="stable")[:, :SHORTLIST]
                found.setdefault(f"{name}, {BY_COLLECTION}", []).append(marked(best, asked, n))
            if (step := {WHITENINGS[1]: blind, WHITENINGS[2]: learned}.get(name)) is not None:
                taught = unit(step.apply(vectors[other][teach]))
                rows, _ = top_by_product(np.concatenate([c, taught]), q, SHORTLIST)
                found.setdefault(f"{name}, {STAYED}", []).append(marked(rows, asked, n))
            rows, scores = top_by_product(c, q, SHORTLIST)
            found.setdefault(name, []).append(marked(rows, asked, n))
            if name in ("imagenet, cosine", WHITENINGS[2]):
                for rerank in RERANKINGS:
                    again, _ = load("rerank", rerank)()(q[some], rows[some], scores[some], c)
                    found.setdefault(f"{name}, {rerank}", []).append(marked(again, asked, n, some))
        print(f"draw {seed}: {one} to {other}", file=sys.stderr, flush=True)
    return {name: np.stack(several) for name, several in found.items()}


def by_collection(q: np.ndarray, c: np.ndarray) -> np.ndarray:
    """2 cos(q, x) - r(x), with r(x) over the rest of the collection (vectors of length 1)."""
    among = c @ c.T
    np.fill_diagonal(among, -np.inf)
    return 2 * q @ c.T - nearness(among, NEIGHBOURS)


def marked(rows: np.ndarray, asked: np.ndarray, n: int, some: np.ndarray | None = None) -> np.ndarray:
    """(n, 2) from rankings of the asked icons, or some of them: the twin of query i is row i."""
    own = np.arange(len(asked)) if some is None else some
    marks = np.full((n, 2), np.nan)
    right = rows == own[:, None]
    marks[asked[own]] = np.stack([right[:, 0], right[:, :10].any(axis=1)], axis=1)
    return marks


def table(hits: list[dict[str, np.ndarray]]) -> list[dict[str, Any]]:
    """Recall at 1 and 10 in per cent of each arm, and its difference to the one it changes.

    Units are icons; each draw teaches and asks a half of them.
    """
    every = {name: np.stack([averaged(one[name]) for one in hits]) for name in hits[0]}
    rows = []
    for name, marks in every.items():
        for place, k in enumerate((1, 10)):
            rows.append(_row(f"{name}: recall@{k}", accuracy_interval(marks[..., place], share=0.5)))
        arm, _, rerank = name.rpartition(", ")
        base = arm if rerank in (*RERANKINGS, "csls", BY_COLLECTION) else "imagenet, cosine"
        if rerank == STAYED:
            base = f"{WHITENINGS[1]}, {STAYED}"
        if name != base:
            for place, k in enumerate((1, 10)):
                # a query that the other did not ask counts for neither
                gain = contrast(marks[..., place], every[base][..., place] + 0 * marks[..., place], share=0.5)
                rows.append(_row(f"  recall@{k} against {base}: {gain.verdict}", gain))
                if name in (*WHITENINGS, CENTRED) or rerank in ("csls", STAYED):
                    rows.append({"what": "    upper end of that interval", "value": 100 * gain.high, "at_least": 0})
    return rows


def averaged(marks: np.ndarray) -> np.ndarray:
    """Each icon's share of hits over the pairs (n, 2), NaN where it was not asked for."""
    asked = ~np.isnan(marks)
    count = asked.sum(axis=0)
    return np.where(count, np.where(asked, marks, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _row(what: str, found: Any) -> dict[str, Any]:
    return {"what": what, "value": 100 * found.mean, "unit": f"[{100 * found.low:.1f}, {100 * found.high:.1f}]"}


if __name__ == "__main__":
    raise SystemExit(main())
