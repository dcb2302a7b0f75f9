"""The toy: families of adaptation methods on red and blue points, each against the same classifier without adaptation.

Each seed is a draw of the source, the target and, where a method needs some, the target labels. All is scored on the
same new target points of a shift. Settings are the methods' defaults but where `toy_families` says otherwise; how far
points move, and the metric's asymmetric form, were chosen by what trials showed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.svm import SVC

from ..adapt.classifier import fit_classifier, probabilities
from ..adapt.contract import UNKNOWN, ShallowAdapter
from ..adapt.deep.contract import DeepMethod
from ..adapt.named import adapter
from ..core.checks import check_number
from ..core.discover import load
from ..core.events import Event
from ..core.runtime import Cost, measured, numpy_rng
from .experiment import Arm, Contrast, Design, Experiment
from .toy_families import Way, ways
from .toy_network import PointModel, learn_points
from .toy_shifts import SHIFTS, Drawn, draw_toy

GRID = 72  # places across and down, where the answer is asked for a picture
MARGIN = 0.35  # around all points of a picture
Blue = Callable[[np.ndarray], np.ndarray]  # points (n, 2) to the probability of blue (n,)
Watch = Callable[[str], Callable[[Iterable[Event]], Iterable[Event]]]


@dataclass(frozen=True)
class Answered:
    """What a method makes of the first draw of a shift.

    Attributes:
        before: the probability of blue on the picture's grid (GRID, GRID), rows upwards, without adaptation.
        after: the same with it.
        moved: where the source's points end up in the target's plane (n, 2); where they were, if that is nowhere.
        weights: of the source's points (n,), with mean 1; None where all count the same.
        known: rows of target points whose label was given.
    """

    before: np.ndarray
    after: np.ndarray
    moved: np.ndarray
    weights: np.ndarray | None
    known: np.ndarray


@dataclass(frozen=True)
class Toy:
    """All that was measured.

    Attributes:
        experiment: arms are the methods and, as `KEY_before`, what they are compared with; measures are shifts.
        drawn: the first draw of each shift.
        plain: the probability of blue by a straight line of the source, on the grid of each shift's picture.
        answered: by shift and the method's key.
        boxes: the picture's square of each shift, (left, right, bottom, top).
        seeds, seed, steps: as asked for.
        cost: of all.
    """

    experiment: Experiment
    drawn: dict[str, Drawn]
    plain: dict[str, np.ndarray]
    answered: dict[tuple[str, str], Answered]
    boxes: dict[str, tuple[float, float, float, float]]
    seeds: int
    seed: int
    steps: int
    cost: Cost = field(default_factory=Cost)

    def contrast(self, shift: str, key: str) -> Contrast:
        """What a method is ahead of the same classifier without adaptation."""
        return self.experiment.contrast(key, before(key), shift)

    def metrics(self) -> dict[str, float | None]:
        """Flat names to numbers, for `--json`."""
        flat: dict[str, float | None] = {"seconds": self.cost.seconds, "peak_mib": self.cost.peak_mib}
        for shift in SHIFTS:
            for way in ways():
                name, found = f"{shift}_{way.key}", self.contrast(shift, way.key).difference.as_dict()
                flat[f"{name}_before"] = self.experiment.arms[before(way.key)].mean(shift)
                flat[name] = self.experiment.arms[way.key].mean(shift)
                flat |= {f"{name}_gain": found["mean"], f"{name}_gain_low": found["low"]}
                flat[f"{name}_gain_high"] = found["high"]
        return flat


def before(key: str) -> str:
    """The name of the arm that a method is compared with."""
    return f"{key}_before"


def run_toy(*, seed: int = 0, seeds: int = 5, steps: int = 200, watch: Watch | None = None) -> Toy:
    """Try every family on every shift; under a minute on one processor with the defaults.

    Args:
        seed: everything that is drawn follows from it.
        seeds: how often the toy is drawn, at least 2.
        steps: of each network's training.
        watch: given a title, wraps a stream of events, as a progress bar does.
    """
    check_number("--seeds", seeds, 2, whole=True)
    check_number("--steps", steps, 20, whole=True)
    scores: dict[str, dict[str, np.ndarray]] = {}
    found = Toy(Experiment({"none": Arm("none", {})}), {}, {}, {}, {}, seeds, seed, steps)
    with measured() as cost:
        for _ in (watch or (lambda _: lambda events: events))("toy")(_events(found, scores)):
            pass
    titles = {name: shift.title for name, shift in SHIFTS.items()}
    names = {way.key: way.called for way in ways()}
    names |= {before(way.key): f"{way.called}: without adaptation" for way in ways()}
    arms = {key: Arm(key, scores[key], names[key]) for key in names}
    experiment = Experiment(arms, design=Design(paired=True), titles=titles)
    return Toy(experiment, found.drawn, found.plain, found.answered, found.boxes, seeds, seed, steps, cost)


def _events(found: Toy, scores: dict[str, dict[str, np.ndarray]]) -> Iterator[Event]:
    """Fill in what is drawn and answered, and whether it is right (seeds, points), shift by shift."""
    total, done = len(SHIFTS) * found.seeds, 0
    for shift in SHIFTS:
        for turn in range(found.seeds):
            drawn = draw_toy(shift, found.seed + turn, fixed=found.seed)
            alone = learn_points(drawn, DeepMethod(weight=0.0), found.steps, found.seed + turn)
            if turn == 0:
                box = _box(drawn)
                found.drawn[shift], found.boxes[shift] = drawn, box
                line = fit_classifier("linear", drawn.Xs, drawn.ys)
                found.plain[shift] = _asked(_blue_by(line), box)
            for way in ways():
                known = _known(drawn, way.shots, found.seed + turn)
                base, adapted, model = _both(way, drawn, known, alone, found.steps, found.seed + turn)
                for key, blue in ((before(way.key), base), (way.key, adapted)):
                    rows = scores.setdefault(key, {}).setdefault(shift, np.zeros((found.seeds, len(drawn.y))))
                    rows[turn] = (blue(drawn.X) > 0.5) == drawn.y
                if turn == 0:
                    moved = drawn.Xs if model is None else ends_up(model, drawn.Xs, drawn.Xt.mean(axis=0))
                    weights = getattr(model, "source_weight_", None)
                    seen = _asked(base, box), _asked(adapted, box)
                    found.answered[shift, way.key] = Answered(*seen, moved, weights, known)
            done += 1
            yield Event("toy", done, total, {}, f"{SHIFTS[shift].title}, draw {turn + 1}")
    yield Event("done", total, total)


def _both(
    way: Way, drawn: Drawn, known: np.ndarray, alone: PointModel, steps: int, seed: int
) -> tuple[Blue, Blue, ShallowAdapter | None]:
    """Without the method and with it, and the fitted method where it is one of vectors."""
    if way.base == "network":
        return alone.blue, learn_points(drawn, load("deep", way.name)(**way.settings), steps, seed, alone).blue, None
    labels = np.full(len(drawn.yt), UNKNOWN, dtype=object)
    labels[known] = drawn.yt[known]
    model = adapter(way.name, **_own(way, seed)).fit(drawn.Xs, drawn.ys, drawn.Xt, labels if len(known) else None)
    X, y = np.concatenate([drawn.Xs, drawn.Xt[known]]), np.concatenate([drawn.ys, drawn.yt[known]])
    # the width that both machines take: 1 over the total variance of the source
    machine = SVC(C=way.cost, gamma=1 / drawn.Xs.var(axis=0).sum(), random_state=0)
    base = fit_classifier(machine if way.base == "machine" else way.base, X, y)
    return _blue_by(base), (lambda Z: model.predict_proba(Z)[:, 1]), model


def _blue_by(classifier: ClassifierMixin) -> Blue:
    return lambda X: probabilities(classifier, X)[:, 1]


def _own(way: Way, seed: int) -> dict[str, Any]:
    """Settings, and the draw's seed where a method draws; without what only watches dasvm, at twice the cost."""
    own = dict(way.settings)
    names = adapter(way.name).get_params(deep=False)
    if "random_state" in names:
        own["random_state"] = seed
    if "circular" in names:
        own["circular"] = False
    return own


def ends_up(model: ShallowAdapter, Xs: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Where source points (n, 2) end up: the target points that the method maps onto the same vectors.

    They are found where the target's map is affine; of several the nearest to `middle` is taken. Where no target point
    is mapped to where the source is, the source is told to stay.

    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(40, 2)) * [1, 3], np.arange(40) % 2
    >>> there = ends_up(adapter("coral", reg=1e-9).fit(X, y, 2 * X + 5), X, np.array([5, 5]))
    >>> np.allclose(there, 2 * X + 5)
    True
    """
    zero, across, up, check = model.transform(middle + np.array([[0, 0], [1, 0], [0, 1], [1, 2]]))
    A = np.stack([across - zero, up - zero])  # (2, k)
    mapped = model.transform(Xs, domain="source") - zero
    there = mapped @ np.linalg.pinv(A)
    reached = np.allclose(check - zero, [1, 2] @ A, atol=1e-6) and np.allclose(there @ A, mapped, atol=1e-6)
    return middle + there if reached else Xs


def _known(drawn: Drawn, shots: int, seed: int) -> np.ndarray:
    """Rows of target points whose label is given, as many of each class."""
    rng = numpy_rng(seed, "toy", "known")
    return np.concatenate([rng.permutation(np.flatnonzero(drawn.yt == label))[:shots] for label in (0, 1)])


def _box(drawn: Drawn) -> tuple[float, float, float, float]:
    """A square around both domains, so that a step is as long across as up."""
    both = np.concatenate([drawn.Xs, drawn.Xt])
    low, high = both.min(axis=0) - MARGIN, both.max(axis=0) + MARGIN
    middle, half = (low + high) / 2, float((high - low).max()) / 2
    return middle[0] - half, middle[0] + half, middle[1] - half, middle[1] + half


def _asked(blue: Blue, box: tuple[float, float, float, float]) -> np.ndarray:
    """The answers on a grid of the picture, (GRID, GRID), the lowest row first."""
    x, y = np.meshgrid(np.linspace(*box[:2], GRID), np.linspace(*box[2:], GRID))
    return blue(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(GRID, GRID)
