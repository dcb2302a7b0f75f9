"""What the demonstration found: arms, domains, search, and the figures that follow."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..adapt.worth.run import Comparison
from ..core.events import Event
from ..core.runtime import Cost
from ..data.imageset import ImageSet
from ..metrics.intervals import Interval, over_seeds
from ..representation.embeddings import Embeddings
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
