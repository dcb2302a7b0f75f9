"""The red/blue toy: two classes of points on a plane, a source with labels, and targets that differ from it in one way.

Every target is drawn by a rule that is told in words, so that what a method can undo is known before it is tried. All
draws come from a seed; the points that score are drawn once and are the same for every draw of the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..core.checks import bad, check_choice, check_number
from ..core.runtime import numpy_rng

CLASSES = ("red", "blue")
POINTS = 80  # of each domain, that are learned from
SCORED = 400  # new target points, which nothing learns from
MIDDLES = (-1.3, 1.3)  # where red's and blue's middle lie, from left to right
SPREAD = (0.5, 0.8)  # the standard deviations of both across and along
RARE = 0.1  # share of blue where the shares change
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]  # (n, 2) and (n,) 0 red, 1 blue


@dataclass(frozen=True)
class Shift:
    """One way in which the target differs.

    Attributes:
        title: in a word or two.
        what: how the target comes about, in words.
        source, target: draw so many points.
    """

    title: str
    what: str
    source: Draw
    target: Draw


@dataclass(frozen=True)
class Drawn:
    """One draw: what is learned from, and what is scored.

    Attributes:
        Xs, ys: source points (n, 2) and their classes (n,), 0 red and 1 blue.
        Xt, yt: the target's; no method sees `yt` but where labels are given.
        X, y: new target points that score.
    """

    Xs: np.ndarray
    ys: np.ndarray
    Xt: np.ndarray
    yt: np.ndarray
    X: np.ndarray
    y: np.ndarray


def two_clouds(
    rng: np.random.Generator, n: int, blue: float = 0.5, apart: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Two upright clouds, red to the left and blue to the right; a share of the points is blue."""
    count = round(blue * n)
    y = np.repeat([0, 1], [n - count, count])
    middles = np.stack([apart * np.array(MIDDLES)[y], np.zeros(n)], axis=1)
    return middles + rng.normal(size=(n, 2)) * SPREAD, y


def two_moons(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles that reach into each other, red above and blue below."""
    y = np.repeat([0, 1], [n - n // 2, n // 2])
    angle = rng.uniform(0, np.pi, n)
    X = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1) * np.where(y, -1, 1)[:, None]
    return 1.5 * (X + 0.1 * rng.normal(size=(n, 2))), y


def turned(X: np.ndarray, degrees: float) -> np.ndarray:
    """Points turned about the origin, against the clock.

    >>> turned(np.array([[1.0, 0.0]]), 90).round(6).tolist()
    [[0.0, 1.0]]
    """
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return X @ np.array([[c, s], [-s, c]])


def _moved(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = two_clouds(rng, n)
    return X + [1.3, 1.5], y


def _turned(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = two_clouds(rng, n)
    return 1.3 * turned(X, 60), y


def _bent(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = two_moons(rng, n)
    return turned(X, 35), y


def _near(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    return two_clouds(rng, n, apart=0.4)


def _rare(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    return two_clouds(rng, n, RARE, apart=0.4)


def _by_curve(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return X, (X[:, 0] > X[:, 1] ** 2 - 1.2).astype(int)


def _whole(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    return _by_curve(rng.normal(size=(n, 2)) * 1.3)


def _part(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    return _by_curve(rng.normal(size=(n, 2)) * [0.7, 0.5] + [0.2, 1.3])


SHIFTS: Mapping[str, Shift] = {
    "none": Shift(
        "no shift", "the target is drawn as the source is, and nothing is to be done", two_clouds, two_clouds
    ),
    "moved": Shift("moved", "all points go the same way, to the right and up", two_clouds, _moved),
    "turned": Shift("turned", "the plane is turned by 60 degrees and stretched by 1.3", two_clouds, _turned),
    "bent": Shift("bent", "two moons, turned by 35 degrees: no straight line tells them apart", two_moons, _bent),
    "shares": Shift("other shares", "half of the source is blue, but one target point in ten", _near, _rare),
    "part": Shift("another part", "one rule for all points, but the target lies to one side", _whole, _part),
}


def draw_toy(shift: str, seed: int, points: int = POINTS, scored: int = SCORED, fixed: int = 0) -> Drawn:
    """Draw source and target points by `seed`, and the points that score by `fixed`.

    Raises:
        InputError: no such shift; too few points.

    >>> drawn = draw_toy("shares", seed=1)
    >>> drawn.Xs.shape, int(drawn.ys.sum()), int(drawn.yt.sum())
    ((80, 2), 40, 8)
    """
    check_choice("shift", shift, list(SHIFTS))
    check_number("points", points, 20, whole=True)
    check_number("scored", scored, 20, whole=True)
    one = SHIFTS[shift]
    Xs, ys = one.source(numpy_rng(seed, "toy", shift, "source"), points)
    Xt, yt = one.target(numpy_rng(seed, "toy", shift, "target"), points)
    X, y = one.target(numpy_rng(fixed, "toy", shift, "scored"), scored)
    if len(np.unique(ys)) < 2 or len(np.unique(yt)) < 2:  # not with the numbers above
        raise bad("seed", seed, "a draw with both classes in each domain")
    return Drawn(Xs, ys, Xt, yt, X, y)
