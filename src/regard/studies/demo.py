"""The demonstration: the whole story on real images that come with the installation, measured as it runs.

Four questions, each with seeds, intervals and costs; nothing is precomputed:

1. Does learning from handwritten digits without their labels give a better representation than a random network?
2. How many labels does that save?
3. Rendered digits have labels, handwritten ones have none: what does adapting to them give?
4. Does a representation made for one thing find pictures of another?
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..adapt.run import Comparison, compare
from ..core.checks import check_number
from ..core.events import Event, read_log
from ..core.runtime import Cost, measured
from ..core.training import TrainSettings
from ..create.run import train
from ..data.builtin import builtin
from ..data.imageset import ImageSet
from ..data.sampling import split
from ..metrics.intervals import Difference, Interval, bootstrap, over_seeds, paired_difference
from ..representation.embed import embed
from ..representation.embeddings import Embeddings
from ..representation.representation import Representation
from ..reuse.probe import probe
from ..reuse.search.index import SearchIndex

BACKBONE = "convnet4"
PRETEXTS = ("simclr",)
BEST = "simclr"  # named in advance, not chosen by what the test set says
SHOTS = (1, 2, 5, 10, 20, 50)
METHODS = ("coral", "subspace")
Watch = Callable[[str], Callable[[Iterable[Event]], Iterable[Event]]]


@dataclass
class Arm:
    """One way to a representation, over seeds: its vectors, and what it cost on average."""

    name: str
    train: list[Embeddings] = field(default_factory=list)
    test: list[Embeddings] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    linear: list[np.ndarray] = field(default_factory=list)
    knn: list[np.ndarray] = field(default_factory=list)
    few: dict[int, list[float]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Mean seconds to make the representation."""
        return float(np.mean([cost.seconds for cost in self.costs]))

    def accuracy(self, kind: str) -> Interval:
        """Accuracy with an interval over test images, each counted with the share of seeds that had it right."""
        return bootstrap(np.mean(getattr(self, kind), axis=0))

    def gain(self, other: "Arm", kind: str) -> Difference:
        """Accuracy minus the other's, paired by test image."""
        return paired_difference(np.mean(getattr(self, kind), axis=0), np.mean(getattr(other, kind), axis=0))


@dataclass
class Domains:
    """Rendered to handwritten: a comparison for each seed's representation."""

    comparisons: list[Comparison]
    source: Embeddings
    target: Embeddings
    mapped: tuple[np.ndarray, np.ndarray]
    cost: Cost

    def right(self, name: str) -> np.ndarray:
        """(nt,) the share of seeds that had each target image right."""
        truth = self.target.need_labels("target")
        return np.mean([found.row(name).predictions == truth for found in self.comparisons], axis=0)

    def seconds(self, name: str) -> float:
        """Mean seconds to fit a method and to predict."""
        return float(np.mean([found.row(name).seconds for found in self.comparisons]))

    def shift(self, name: str) -> tuple[float, float]:
        """Mean MMD² and A-distance: `before`, or what a method leaves."""
        found = [one.before if name == "before" else one.row(name).shift for one in self.comparisons]
        return float(np.mean([s.rbf for s in found if s])), float(np.mean([s.a_distance for s in found if s]))


@dataclass
class Search:
    """Crops of photographs: for each representation, whether the nearest other crop is of the same photograph."""

    images: ImageSet
    right: dict[str, np.ndarray]
    hits: list[tuple[int, list[tuple[int, float]]]]
    cost: dict[str, Cost]

    def recall(self, name: str) -> Interval:
        """Recall at 1 with an interval over photographs, whose crops are right or wrong together."""
        return bootstrap(self._by_photo(name))

    def gain(self, name: str, other: str) -> Difference:
        """Recall at 1 minus the other's, paired by photograph."""
        return paired_difference(self._by_photo(name), self._by_photo(other))

    def _by_photo(self, name: str) -> np.ndarray:
        photos = self.images.targets
        return np.bincount(photos, self.right[name]) / np.bincount(photos)


@dataclass
class Demo:
    """Everything that was measured."""

    arms: dict[str, Arm]
    domains: Domains
    search: Search
    digits: tuple[ImageSet, ImageSet]
    logs: dict[str, list[Event]]
    cost: Cost
    seeds: int
    seed: int
    steps: int


def run_demo(out: str | Path, *, seed: int = 0, seeds: int = 3, steps: int = 200, watch: Watch | None = None) -> Demo:
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
        digits = split(builtin("digits"), 0.25, seed)
        arms = _create(folder, digits, seed, seeds, steps, show)
        for arm in arms.values():
            _score(arm, seed)
        domains = _adapt(arms[BEST], digits[1], seed, seeds)
        search = _search(folder, seed)
    logs = {name: read_log(arms[name].folders[0] / "events.jsonl") for name in (*PRETEXTS, "labels")}
    return Demo(arms, domains, search, digits, logs, cost, seeds, seed, steps)


def labels_saved(demo: Demo, shot: int = 5) -> tuple[Interval, bool]:
    """How many times as many labels a random network needs for what pretraining reaches with `shot` a class.

    For each seed the random network's accuracy is read as a function of the logarithm of its labels, made monotone
    and joined by straight lines. Returns the geometric mean with Student's interval, and whether some seed lies
    beyond the most labels that were tried, so that the factor is at least that.
    """
    random, made = demo.arms["random"], demo.arms[BEST]
    factors, beyond = [], False
    for place in range(demo.seeds):
        curve = np.maximum.accumulate([random.few[k][place] for k in SHOTS])
        wanted = made.few[shot][place]
        beyond |= wanted > curve[-1]
        factors.append(float(np.interp(wanted, curve, np.log(SHOTS))) - np.log(shot))
    spread = over_seeds(factors)
    mean, low, high = (float(np.exp(value)) for value in (spread.mean, spread.low, spread.high))
    return Interval(mean, low, high, spread.n), bool(beyond)


def _create(
    folder: Path, digits: tuple[ImageSet, ImageSet], seed: int, seeds: int, steps: int, show: Watch
) -> dict[str, Arm]:
    arms = {name: Arm(name) for name in ("random", *PRETEXTS, "labels")}
    for name, arm in arms.items():
        for turn in range(seed, seed + seeds):
            with measured() as cost:
                rep = _make(folder / f"{name}-{turn}", name, digits[0], turn, steps, show)
            arm.folders.append(folder / f"{name}-{turn}")
            arm.costs.append(cost)
            # fp32: for so small a network bf16 saves nothing
            train_side, test_side = (embed(side, rep, precision="fp32", cache=False, batch=64) for side in digits)
            arm.train.append(train_side)
            arm.test.append(test_side)
    return arms


def _make(folder: Path, name: str, images: ImageSet, seed: int, steps: int, show: Watch) -> Representation:
    if name == "random":
        return Representation.load(f"random:{BACKBONE}:{seed}")
    given = images if name == "labels" else images.without_labels()
    settings = TrainSettings(steps=steps, seed=seed, eval_every=max(steps // 5, 1))
    return train(given, name, backbone=BACKBONE, out=folder, settings=settings, size=32, watch=show(f"{name} {seed}"))


def _score(arm: Arm, seed: int) -> None:
    for turn, (known, unknown) in enumerate(zip(arm.train, arm.test)):
        truth = unknown.need_labels("digits")
        found = probe(known, unknown, shots=SHOTS, seeds=1, seed=seed + turn)
        arm.linear.append(found.predictions["linear"] == truth)
        arm.knn.append(found.predictions["knn"] == truth)
        for shot in SHOTS:
            arm.few.setdefault(shot, []).append(found.metrics[f"linear_{shot}shot"])


def _adapt(arm: Arm, target: ImageSet, seed: int, seeds: int) -> Domains:
    """Carry a classifier from rendered digits to handwritten ones that pretraining has not seen."""
    rendered = builtin("rendered_digits")
    comparisons, sources = [], []
    with measured() as cost:
        for turn in range(seeds):
            rep = Representation.load(arm.folders[turn])
            sources.append(embed(rendered, rep, precision="fp32", cache=False, batch=64))
            comparisons.append(compare(sources[-1], arm.test[turn], METHODS, classifier="linear", seeds=[seed]))
    from ..adapt.run import adapter

    source, goal = sources[0], arm.test[0]
    fitted = adapter(METHODS[0], classifier="linear").fit(source.vectors, source.labels, goal.vectors)
    mapped = fitted.transform(source.vectors, domain="source"), fitted.transform(goal.vectors)
    return Domains(comparisons, source, goal, mapped, cost)


def _search(folder: Path, seed: int) -> Search:
    images = builtin("photo_crops")
    right, cost, shown = {}, {}, []
    for name in ("random:tf_efficientnet_lite0", "imagenet"):
        with measured() as spent:
            vectors = embed(images, name, cache=False)
            index = SearchIndex.create(folder / f"index-{name.rpartition(':')[2]}", vectors, overwrite=True)
            found = index.search(vectors, top=5, leave_out=list(vectors.ids))
        cost[name] = spent
        labels = vectors.need_labels("photo_crops")
        right[name] = np.array([hits[0].label == label for hits, label in zip(found, labels)], float)
        if name == "imagenet":
            place = {str(key): at for at, key in enumerate(vectors.ids)}
            chosen = np.random.default_rng(seed).choice(len(images.classes), 5, replace=False)
            for photo in chosen:
                query = int(np.flatnonzero(images.targets == photo)[0])
                shown.append((query, [(place[hit.id], hit.score) for hit in found[query]]))
    return Search(images, right, shown, cost)


def as_metrics(demo: Demo) -> dict[str, Any]:
    """Flat names to numbers, for `--json`."""
    flat: dict[str, Any] = {"seconds": demo.cost.seconds, "peak_mib": demo.cost.peak_mib}
    for name, arm in demo.arms.items():
        for kind in ("linear", "knn"):
            found = arm.accuracy(kind)
            flat |= {f"{name}_{kind}": found.mean, f"{name}_{kind}_low": found.low, f"{name}_{kind}_high": found.high}
        flat |= {f"{name}_linear_{shot}shot": float(np.mean(arm.few[shot])) for shot in SHOTS}
        flat[f"{name}_seconds"] = arm.seconds
    factor, beyond = labels_saved(demo)
    flat |= {"labels_saved_factor": factor.mean, "labels_saved_is_lower_bound": int(beyond)}
    base = demo.domains.right("source_only")
    for name in ("source_only", *METHODS, "oracle"):
        flat[f"target_{name}"] = float(demo.domains.right(name).mean())
        if name != "source_only":
            flat[f"target_{name}_gain"] = paired_difference(demo.domains.right(name), base).mean
    for name in ("before", *METHODS):
        flat[f"mmd2_{name}"], flat[f"a_distance_{name}"] = demo.domains.shift(name)
    for name in demo.search.right:
        flat[f"search_{name.rpartition(':')[2]}_recall_at_1"] = demo.search.recall(name).mean
    return flat
