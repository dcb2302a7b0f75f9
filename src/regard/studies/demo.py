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

from ..adapt.worth.run import Comparison, adapter, compare
from ..core.checks import check_number
from ..core.event_log import read_log
from ..core.events import Event
from ..core.runtime import Cost, measured
from ..create.run import train
from ..data.builtin import builtin
from ..data.imageset import ImageSet
from ..data.sampling import few_shot, split
from ..learning.settings import TrainSettings
from ..metrics.intervals import Interval, over_seeds
from ..representation.embed import embed
from ..representation.embeddings import Embeddings
from ..representation.representation import Representation
from ..reuse.logistic import fit_logistic
from ..reuse.probe import probe
from ..reuse.search.index.search_index import SearchIndex
from .experiment import Arm, Design, Experiment

BACKBONE = "convnet4"
PRETEXTS = ("simclr",)
BEST = "simclr"  # named in advance, not chosen by what the test set says
SHOTS = (1, 2, 5, 10, 20, 50)
METHODS = ("coral", "subspace")
CUTS = 2  # of the rendered digits into halves, for each seed
NAMES = {
    "random": "random network",
    "simclr": "SimCLR (no labels)",
    "labels": "supervised (all labels)",
    "source_only": "source only",
    "coral": "CORAL",
    "subspace": "subspace alignment",
    "oracle": "oracle (target labels)",
    "random_search": "random weights",
    "imagenet": "imagenet (comes with regard)",
}
Watch = Callable[[str], Callable[[Iterable[Event]], Iterable[Event]]]


@dataclass
class Made:
    """One way to a representation, over seeds: its vectors, what is right with it, and what it cost on average."""

    name: str
    train: list[Embeddings] = field(default_factory=list)
    test: list[Embeddings] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    right: dict[str, list[np.ndarray]] = field(default_factory=dict)  # by measure, then seed: (test images,)

    @property
    def seconds(self) -> float:
        """Mean seconds to make the representation."""
        return float(np.mean([cost.seconds for cost in self.costs]))

    def few(self, shot: int) -> np.ndarray:
        """Accuracy with so few labels a class, (seeds,)."""
        return np.array([right.mean() for right in self.right[few_labels(shot)]])

    def arm(self, labels: int = 0) -> Arm:
        """For the experiment."""
        scores = {measure: np.stack(right).astype(float) for measure, right in self.right.items()}
        return Arm(self.name, scores, NAMES[self.name], self.seconds, self.costs[-1].peak_mib, labels)


@dataclass
class Domains:
    """Rendered to handwritten: a comparison for each seed's representation, in two halves of the rendered digits."""

    comparisons: list[Comparison]
    source: Embeddings
    target: Embeddings
    mapped: tuple[np.ndarray, np.ndarray]
    cost: Cost

    @property
    def experiment(self) -> Experiment:
        """Arms are no adaptation, the methods and the oracle; rows are halves of the source, four for each seed."""
        truth = self.target.need_labels("target")
        arms = {}
        for name in ("source_only", *METHODS, "oracle"):
            right = np.concatenate([found.row(name).right for found in self.comparisons])
            seconds = float(np.mean([found.row(name).seconds for found in self.comparisons]))
            arms[name] = Arm(name, {"target": right}, NAMES[name], seconds, self.cost.peak_mib, len(self.source))
            assert right.shape[1] == len(truth)
        return Experiment(arms, design=Design(halves=True, own_seeds=CUTS), titles={"target": "rendered → handwritten"})

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

    @property
    def experiment(self) -> Experiment:
        """Units are photographs, whose crops are right or wrong together; seeds are those of random networks."""
        arms = {
            name: Arm(
                name, {"search": self.right[name]}, NAMES[name], self.cost[name].seconds, self.cost[name].peak_mib, 0
            )
            for name in self.right
        }
        titles = {"search": "nearest crop is of the same photo"}
        return Experiment(arms, self.images.need_labels(), titles=titles)


@dataclass
class Demo:
    """Everything that was measured."""

    arms: dict[str, Made]
    domains: Domains
    search: Search
    digits: tuple[ImageSet, ImageSet]
    logs: dict[str, list[Event]]
    cost: Cost
    seeds: int
    seed: int
    steps: int

    @property
    def experiment(self) -> Experiment:
        """Arms are ways to a representation of digits, rows are seeds."""
        learned = {"labels": len(self.digits[0])}
        arms = {name: made.arm(learned.get(name, 0)) for name, made in self.arms.items()}
        titles = {"knn": "k-NN", "linear": "linear probe"}
        titles |= {few_labels(shot): f"{shot} labels a class" for shot in SHOTS}
        classes, known = len(self.digits[0].classes), len(self.digits[0])
        designs = {few_labels(shot): Design(paired=False, share=shot * classes / known) for shot in SHOTS}
        return Experiment(arms, designs=designs, titles=titles)


def few_labels(shot: int) -> str:
    """The name of the measure."""
    return f"linear_{shot}shot"


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


def labels_saved(demo: Demo, shot: int = 5) -> tuple[Interval, bool]:
    """How many times as many labels a random network needs for what pretraining reaches with `shot` a class.

    For each seed the random network's accuracy is read as a function of the logarithm of its labels, made monotone
    and joined by straight lines. Returns the geometric mean with Student's interval, and whether some seed lies
    beyond the most labels that were tried, so that the factor is at least that.
    """
    random, made = demo.arms["random"], demo.arms[BEST]
    factors, beyond = [], False
    for place in range(demo.seeds):
        curve = np.maximum.accumulate([random.few(k)[place] for k in SHOTS])
        wanted = made.few(shot)[place]
        beyond |= wanted > curve[-1]
        factors.append(float(np.interp(wanted, curve, np.log(SHOTS))) - np.log(shot))
    spread = over_seeds(factors)
    if not spread.known:
        return Interval(float(np.exp(spread.mean)), spread.low, spread.high, spread.n), bool(beyond)
    # a factor cannot lie outside what was tried
    low, high = (float(np.clip(np.exp(end), SHOTS[0] / shot, SHOTS[-1] / shot)) for end in (spread.low, spread.high))
    return Interval(float(np.exp(spread.mean)), low, high, spread.n), bool(beyond)


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


def as_metrics(demo: Demo) -> dict[str, Any]:
    """Flat names to numbers, for `--json`."""
    flat: dict[str, Any] = {"seconds": demo.cost.seconds, "peak_mib": demo.cost.peak_mib}
    digits, domains, search = demo.experiment, demo.domains.experiment, demo.search.experiment
    for name, arm in demo.arms.items():
        for kind in ("linear", "knn"):
            found = digits.value(name, kind).as_dict()
            flat |= {
                f"{name}_{kind}": found["mean"],
                f"{name}_{kind}_low": found["low"],
                f"{name}_{kind}_high": found["high"],
            }
        flat |= {f"{name}_linear_{shot}shot": float(arm.few(shot).mean()) for shot in SHOTS}
        flat[f"{name}_seconds"] = arm.seconds
    factor, beyond = labels_saved(demo)
    flat |= {"labels_saved_factor": factor.mean, "labels_saved_is_lower_bound": int(beyond)}
    for name in domains.arms:
        flat[f"target_{name}"] = domains.arms[name].mean("target")
        if name != "source_only":
            flat[f"target_{name}_gain"] = domains.contrast(name, "source_only", "target").difference.mean
    for name in ("before", *METHODS):
        flat[f"mmd2_{name}"], flat[f"a_distance_{name}"] = demo.domains.shift(name)
    for name, key in (("random_search", "tf_efficientnet_lite0"), ("imagenet", "imagenet")):
        flat[f"search_{key}_recall_at_1"] = search.arms[name].mean("search")
    return flat
