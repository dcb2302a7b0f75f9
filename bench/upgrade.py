"""An index of icons brought to a new representation: stale, translated from 5 % of its images, or embedded anew.

The index holds icons in two drawing styles (`line`, `render3d`); queries are the same icons in a third (`flat`). Half
of the icons, drawn by seed, is searched; the other half teaches the new representation, so that it has seen none of
what is searched. The old one is the bundled `imagenet` at 112 pixels. Two changes:

- affine: learned whitening, fitted on the teaching icons with the icon as the label. Asked is for the same icon.
- fine-tuned: 100 steps of `regard finetune` on the teaching icons' classes. Asked is for the same class.

Arms: `old` (old queries, old rows), `reextracted` (new, new), `stale` (new queries, old rows: what happens where nobody
looks), `translated` (new queries, the index as `regard index upgrade` makes it, five draws of the pairs). The whitening
is of the same network, so that the upgrade takes it from the new representation itself; what a map that knows nothing
of it gives is in the curves: mAP over the number of pairs, and over rows that are embedded beside the 5 %, by foretold
error or drawn at random.

Bars: of what embedding anew gains, translation gives at least 90 % after the affine change and 60 % after fine-tuning.

    python bench/upgrade.py --data FOLDER [--seeds 5] [--out FILE]     FOLDER holds styles/STYLE/CLASS/ID.png

Some five minutes of one core.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from styles import icons

from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.lifelong.translate import learn_translation
from regard.lifelong.upgrade import upgrade
from regard.metrics.knn import unit
from regard.metrics.retrieve import ap_at_k
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.representation.transform.whitening import fit_whitening
from regard.reuse.finetune import finetune
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.store.protocol import vectors_in
from regard.studies.experiment import Arm, Experiment

QUERY, SEARCHED = "flat", ("line", "render3d")
SIDE = 112  # pixels; icons have 64
SHARE = 0.05  # of the index that is embedded to learn the map
BUDGETS = (0.05, 0.1, 0.2, 0.45)  # of the index, beside the pairs
CURVE_DRAWS = 2
BARS = {"affine": 90, "fine-tuned": 60}
MEASURES = ("R@1", "mAP")


@dataclass(frozen=True)
class Change:
    """One change of the representation: vectors before and after, what belongs together, and the upgraded rows.

    Attributes:
        old, new: (queries (q, d), rows (n, d)).
        right: (q, n) which row a query asks for.
        translated: (n, e) of each draw.
        pairs: rows of each draw that taught the map.
    """

    old: tuple[np.ndarray, np.ndarray]
    new: tuple[np.ndarray, np.ndarray]
    right: np.ndarray
    translated: list[np.ndarray]
    pairs: list[np.ndarray]


def main() -> int:
    """Upgrade, search, print the table; 1 where a translation gives less than its bar."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    styles = {name: icons(options.data / "styles" / name) for name in (QUERY, *SEARCHED)}
    names = np.unique(styles[QUERY].columns["identity"])
    teaching = np.random.default_rng(0).permutation(names)[: len(names) // 2]
    asked = _without(styles[QUERY], teaching)
    searched = _joined([_without(styles[name], teaching) for name in SEARCHED])
    taught = _joined([_without(one, np.setdiff1d(names, teaching)) for one in styles.values()])
    old = at_side(Representation.load("imagenet"), SIDE)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, rep, column in changes(old, taught, Path(temporary), options.steps):
            print(f"{name}: {rep.name}", file=sys.stderr, flush=True)
            made = upgraded(asked, searched, (old, rep), column, options.seeds, Path(temporary) / name)
            rows += compared(name, made) + curve(name, made)
    return finish("upgrade", rows, options.out)


def changes(
    old: Representation, taught: ImageSet, folder: Path, steps: int
) -> Iterator[tuple[str, Representation, str]]:
    """Each change with the new representation, and the column that says what is asked for."""
    vectors = embed(taught, old)
    yield "affine", replace(old, transform=fit_whitening(vectors.vectors, vectors.columns["identity"])), "identity"
    settings = TrainSettings(steps=steps, batch=32, lr=2e-3, eval_every=steps)
    finetune(taught, None, old, out=folder / "tuned", backbone_lr_factor=0.5, settings=settings)
    yield "fine-tuned", Representation.load(folder / "tuned"), "label"


def at_side(rep: Representation, side: int) -> Representation:
    """The same network, which sees smaller pictures."""
    smaller = replace(rep.preprocess, size=side, resize=round(side * 8 / 7))
    return replace(rep, preprocess=smaller, loaded_from="")


def upgraded(
    asked: ImageSet,
    searched: ImageSet,
    reps: tuple[Representation, Representation],
    column: str,
    seeds: int,
    folder: Path,
) -> Change:
    """An index of the old representation, upgraded once for each draw of the pairs."""
    queries, rows = ([embed(images, rep) for rep in reps] for images in (asked, searched))
    folder.mkdir()
    index = SearchIndex.create(folder / "index", rows[0])
    ids = [str(name) for name in rows[0].ids]
    known = [one.labels if column == "label" else one.columns[column] for one in (queries[0], rows[0])]
    found, pairs = [], []
    for seed in range(seeds):
        done = upgrade(index, reps[1], pairs=round(SHARE * len(ids)), out=folder / f"draw{seed}", seed=seed)
        there = done.index.store.get(ids, ["id", "translated", "vector"])
        found.append(vectors_in(there))
        pairs.append(np.flatnonzero(~np.array(there.column("translated").to_pylist(), bool)))
        tried = ", ".join(
            f"{name} {error:.4f}" for name, error in (done.translation.tried if done.translation else {}).items()
        )
        print(f"  draw {seed}: {done.translated} of {len(ids)} translated; {tried}", file=sys.stderr, flush=True)
    old, new = ((queries[k].vectors, rows[k].vectors) for k in (0, 1))
    return Change(old, new, known[0][:, None] == known[1], found, pairs)


def scores(queries: np.ndarray, rows: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
    """(q,) whether the first row is right, and average precision, by cosine."""
    order = np.argsort(-(unit(queries) @ unit(rows).T), axis=1, kind="stable")
    marks = np.take_along_axis(right, order, axis=1)
    return {"R@1": marks[:, 0].astype(float), "mAP": ap_at_k(marks)}


def over(several: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """(draws, q) of each measure."""
    return {measure: np.stack([one[measure] for one in several]) for measure in several[0]}


def compared(name: str, change: Change) -> list[dict[str, Any]]:
    """All arms in per cent, what translation is ahead and behind, and its share of the gain."""
    (old_q, old_rows), (new_q, new_rows) = change.old, change.new
    arms = {
        "old": scores(old_q, old_rows, change.right),
        "stale": scores(new_q, old_rows, change.right) if new_q.shape[1] == old_rows.shape[1] else None,
        "translated": over([scores(new_q, rows, change.right) for rows in change.translated]),
        "reextracted": scores(new_q, new_rows, change.right),
    }
    study = Experiment({arm: Arm(arm, found) for arm, found in arms.items() if found is not None})
    rows = [_row(f"{name}: {arm}: {m}", study.value(arm, m)) for arm in study.arms for m in MEASURES]
    for other in ("old", "reextracted"):
        for measure in MEASURES:
            found = study.contrast("translated", other, measure)
            rows.append(_row(f"{name}: translated - {other}: {measure}: {found.verdict}", found.difference))
    for measure in MEASURES:
        before, translated, after = (study.arms[arm].mean(measure) for arm in ("old", "translated", "reextracted"))
        share = 100 * (translated - before) / (after - before)
        what = f"{name}: share of the gain of embedding anew: {measure}"
        rows.append({"what": what, "value": share, "unit": "%", "at_least": BARS[name]})
    return rows


def curve(name: str, change: Change) -> list[dict[str, Any]]:
    """mAP, in per cent, of maps that know nothing but the pairs: over rows embedded beside 5 %, and over the pairs."""
    new_q, (_, old), (_, new) = change.new[0], change.old, change.new
    ways: dict[str, list[dict[str, np.ndarray]]] = {}
    for draw, pairs in enumerate(change.pairs[:CURVE_DRAWS]):
        order = np.random.default_rng([draw, 1]).permutation(np.setdiff1d(np.arange(len(old)), pairs))
        small = learn_translation(old[pairs], new[pairs])
        worst = order[np.argsort(-small.error_of(old[order]), kind="stable")]
        for budget in (0, *BUDGETS):
            many = round(budget * len(old))
            more = np.concatenate([pairs, order[:many]])
            as_pairs = learn_translation(old[more], new[more]) if many else small
            made = {
                f"5 % pairs, {budget:.0%} more by foretold error": (small, np.concatenate([pairs, worst[:many]])),
                f"5 % pairs, {budget:.0%} more at random": (small, more),
                f"{SHARE + budget:.0%} pairs": (as_pairs, more),
            }
            for way, (translation, embedded) in list(made.items())[0 if many else 2 :]:
                rows = translation.apply(old)
                rows[embedded] = new[embedded]
                ways.setdefault(way, []).append(scores(new_q, rows, change.right))
    study = Experiment({way: Arm(way, over(found)) for way, found in ways.items()})
    return [_row(f"{name}: mAP, {way}", study.value(way, "mAP")) for way in ways]


def _without(images: ImageSet, names: np.ndarray) -> ImageSet:
    return images.subset(~np.isin(images.columns["identity"], names))


def _joined(sets: Sequence[ImageSet]) -> ImageSet:
    """The images of several styles, each id with its style before it."""
    ids = np.concatenate([[f"{one.name}/{name}" for name in one.ids] for one in sets])
    labels = np.concatenate([one.labels for one in sets if one.labels is not None])
    identity = np.concatenate([one.columns["identity"] for one in sets])
    return ImageSet([item for one in sets for item in one.items], ids, labels, {"identity": identity}, "icons")


def _row(what: str, found: Any) -> dict[str, Any]:
    return {"what": what, "value": 100 * found.mean, "unit": found.told(100, 1)}


if __name__ == "__main__":
    raise SystemExit(main())
