"""The demonstration: the whole story on real images that come with the installation, measured as it runs.

Four questions, each with seeds, intervals and costs; nothing is precomputed:

1. Does learning from handwritten digits without their labels give a better representation than a random network?
2. How many labels does that save?
3. Rendered digits have labels, handwritten ones have none: what does adapting to them give?
4. Does a representation made for one thing find pictures of another?
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ..adapt.worth.run import adapter, compare
from ..core.checks import check_number
from ..core.event_log import read_log
from ..core.events import Event
from ..core.runtime import measured
from ..create.run import train
from ..data.builtin import builtin
from ..data.imageset import ImageSet
from ..data.sampling import few_shot, split
from ..learning.settings import TrainSettings
from ..representation.embed import embed
from ..representation.representation import Representation
from ..reuse.logistic import fit_logistic
from ..reuse.probe import probe
from ..reuse.search.index.search_index import SearchIndex
from .demo_results import BACKBONE, BEST, CUTS, METHODS, PRETEXTS, SHOTS, Demo, Domains, Made, Search, few_labels

Watch = Callable[[str], Callable[[Iterable[Event]], Iterable[Event]]]


def run_demo(out: str | Path, *, seed: int = 0, seeds: int = 5, steps: int = 200, watch: Watch | None = None) -> Demo:
    """Run all four parts; about two minutes on two processors with the defaults.

    Args:
        out: where the runs (representations, index) go.
        seed: everything that is drawn follows from it.
        seeds: how often pretraining is repeated, at least 2: each with other first weights, order and views.
        steps: training steps of each run.
        watch: given a title, wraps a stream of events, as a progress bar does.
    """
    check_number("--seeds", seeds, 2, whole=True)
    folder, show = Path(out), watch or (lambda _: lambda events: events)
    with measured() as cost:
        every = builtin("digits")
        digits = split(every, 0.25, seed)
        arms = _create(folder, every, digits, seed, seeds, steps, show)
        for arm in arms.values():
            _score(arm, seed)
        domains = _adapt(arms[BEST], digits[1], seed, seeds)
        search = _search(folder, seed, seeds)
    logs = {name: read_log(arms[name].folders[0] / "events.jsonl") for name in (*PRETEXTS, "labels")}
    return Demo(arms, domains, search, digits, logs, cost, seeds, seed, steps)


def _create(
    folder: Path,
    every: ImageSet,
    digits: tuple[ImageSet, ImageSet],
    seed: int,
    seeds: int,
    steps: int,
    show: Watch,
) -> dict[str, Made]:
    place = {key: row for row, key in enumerate(every.ids)}
    sides = [np.array([place[key] for key in side.ids]) for side in digits]
    arms = {name: Made(name) for name in ("random", *PRETEXTS, "labels")}
    for name, arm in arms.items():
        for turn in range(seed, seed + seeds):
            with measured() as cost:
                rep = _make(folder / f"{name}-{turn}", name, digits[0], turn, steps, show)
            arm.folders.append(folder / f"{name}-{turn}")
            arm.costs.append(cost)
            # fp32: for so small a network bf16 saves nothing; at once, since a network is compiled in each pass
            vectors = embed(every, rep, precision="fp32", cache=False, batch=64)
            arm.train.append(vectors.subset(sides[0]))
            arm.test.append(vectors.subset(sides[1]))
    return arms


def _make(folder: Path, name: str, images: ImageSet, seed: int, steps: int, show: Watch) -> Representation:
    if name == "random":
        return Representation.load(f"random:{BACKBONE}:{seed}")
    given = images if name == "labels" else images.without_labels()
    settings = TrainSettings(steps=steps, seed=seed, eval_every=max(steps // 5, 1))
    return train(given, name, backbone=BACKBONE, out=folder, settings=settings, size=32, watch=show(f"{name} {seed}"))


def _score(arm: Made, seed: int) -> None:
    for turn, (known, unknown) in enumerate(zip(arm.train, arm.test)):
        labels, truth = known.need_labels("digits"), unknown.need_labels("digits")
        found = probe(known, unknown, seed=seed + turn)
        for kind in ("knn", "linear"):
            arm.right.setdefault(kind, []).append(found.predictions[kind] == truth)
        for shot in SHOTS:  # each seed has a draw of labels of its own, the same for all arms
            few = known.subset(few_shot(labels, shot, seed + turn))
            model = fit_logistic(few.vectors, few.need_labels("digits"), seed=seed + turn)
            arm.right.setdefault(few_labels(shot), []).append(model.predict(unknown.vectors) == truth)


def _adapt(arm: Made, target: ImageSet, seed: int, seeds: int) -> Domains:
    """Carry a classifier from rendered digits to handwritten ones that pretraining has not seen."""
    rendered = builtin("rendered_digits")
    comparisons, sources = [], []
    with measured() as cost:
        for turn in range(seeds):
            rep = Representation.load(arm.folders[turn])
            sources.append(embed(rendered, rep, precision="fp32", cache=False, batch=64))
            first = seed + 2 * CUTS * turn  # cut anew for each seed
            comparisons.append(
                compare(
                    sources[-1],
                    arm.test[turn],
                    METHODS,
                    classifier="linear",
                    seeds=range(first, first + 2 * CUTS),
                    share=0.5,
                )
            )
    source, goal = sources[0], arm.test[0]
    fitted = adapter(METHODS[0], classifier="linear").fit(source.vectors, source.labels, goal.vectors)
    mapped = fitted.transform(source.vectors, domain="source"), fitted.transform(goal.vectors)
    return Domains(comparisons, source, goal, mapped, cost)


def _search(folder: Path, seed: int, seeds: int) -> Search:
    images = builtin("photo_crops")
    right, cost, shown = {}, {}, []
    named = {"random_search": [f"random:tf_efficientnet_lite0:{seed + turn}" for turn in range(seeds)]}
    for name, reps in (named | {"imagenet": ["imagenet"]}).items():
        rows = []
        with measured() as spent:
            for rep in reps:
                vectors = embed(images, rep, cache=False)
                index = SearchIndex.create(folder / f"index-{rep.replace(':', '-')}", vectors, overwrite=True)
                found = index.search(vectors, top=5, leave_out=list(vectors.ids))
                labels = vectors.need_labels("photo_crops")
                rows.append(np.array([hits[0].label == label for hits, label in zip(found, labels)], float))
        # the weights of `imagenet` are what they are; random ones are one draw of many
        cost[name], right[name] = spent, np.stack(rows) if name == "random_search" else rows[0]
    place = {str(key): at for at, key in enumerate(vectors.ids)}
    chosen = np.random.default_rng(seed).choice(len(images.classes), 5, replace=False)
    for photo in chosen:
        query = int(np.flatnonzero(images.targets == photo)[0])
        shown.append((query, [(place[hit.id], hit.score) for hit in found[query]]))
    return Search(images, right, shown, cost)
