"""Are verdicts and intervals honest? Simulated: how often a verdict is false, a gain is seen, and the truth is covered.

    python bench/verdicts.py [--trials 2000] [--jobs 2] [--out FILE.json]

- No difference: arms that are alike in law, 2 to 5 seeds (and each verb's own default), 50 to 2,000 units, also draws
  of one source set. A verdict "gain" or "loss" is false. Bar: at most .07 of the data sets.
- A true gain of three standard errors (of the difference over data sets): at least .70 of the data sets are called a
  gain, for every verb at its defaults.
- Coverage: at least .93 of every interval that is printed, for 5 to 200 answers, shares of .5 to .99, 2 to 50 things of
  several images; where it says "too few to say" nothing is claimed.

Answers are right where an image's difficulty, an arm's own liking for the image, a seed's luck and noise add up to more
than a threshold. Where sources are drawn from, real classifiers learn from real draws. Every figure is that of the
worst cell; a rate of .05 varies by .005 with 2,000 trials, and the worst of 24 such cells is .06.
"""

import argparse
import functools
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from scipy import stats

from regard.adapt.worth.trials import Draw, draw, halved
from regard.metrics.contrast import Difference, contrast
from regard.metrics.intervals import accuracy_interval

# the luck of an arm's liking for an image, of a seed, of a seed's liking for an image
MIXES = ((0.5, 0.0, 0.5), (0.5, 0.1, 0.5), (0.3, 0.3, 0.3), (0.05, 0.5, 0.05))
UNITS = (50, 300, 2000)
Pair = tuple[np.ndarray, np.ndarray]
# quantiles of Student's distribution are asked for a million times
stats.t.ppf = functools.lru_cache(None)(lambda q, df, plain=stats.t.ppf: float(plain(q, df)))


def main() -> int:
    """Print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(part, given.trials) for part in (seeds, sources, no_draws, coverage)]
        rows = [row for part in parts for row in part.result()]
    return finish("verdicts", rows, given.out)


def seeds(trials: int) -> list[dict[str, Any]]:
    """Arms with seeds: `evaluate` (one run or several against 8 random networks), `demo` and bench/pretext."""
    rows = []
    plans: list[tuple[str, tuple[int, ...], Callable[[int], tuple[int, int]], bool]] = [
        ("seeds of their own in both arms", (2, 3, 5), lambda s: (s, s), False),
        ("demo's 5 seeds, 447 digits", (5,), lambda s: (s, s), True),
        ("evaluate: one run, random networks", (2, 3, 5), lambda s: (1, s), False),
        ("evaluate's 8 random networks, one run", (8,), lambda s: (1, s), True),
        ("evaluate's 8 random networks, three runs", (8,), lambda s: (3, s), False),
        ("few labels: seeds by draws, evaluate's 8", (8,), lambda s: (-1, s), True),
    ]
    for what, counts, sizes, default in plans:
        false, power = [], []
        for count in counts:
            for units in (447,) if "447" in what else UNITS:
                for p in (0.7, 0.95):
                    for mix in MIXES:
                        found = alike(*sizes(count), units, p, mix, seed=[count, units], trials=trials)
                        wrong, seen = judged(found, paired=False)
                        false.append(wrong)
                        power.append(seen)
        rows += both(what, false, power if default else [])
    return rows


def no_draws(trials: int) -> list[dict[str, Any]]:
    """Nothing is drawn: `whiten`'s worth and `search-eval --rerank`, over queries or things of several queries."""
    rows = []
    for what, size in (("queries alone (search-eval, whiten)", 1), ("things of 1 to 20 queries", 20)):
        false, power = [], []
        for units in (50, 200, 2000):
            for p in (0.7, 0.95):
                rng = np.random.default_rng(units)
                found = []
                for _ in range(trials):
                    of = np.repeat(np.arange(units), rng.integers(1, size + 1, units))
                    liking = rng.normal(size=(3, units))[:, of]
                    hard = liking[0] * 1.5 + 0.5 * rng.normal(size=len(of))
                    a, b = (hard + 0.5 * liking[k] > np.sqrt(2.75) * stats.norm.ppf(1 - p) for k in (1, 2))
                    found.append((a.astype(float), b.astype(float), of))
                wrong, seen = judged(found)
                false.append(wrong)
                power.append(seen)
        rows += both(what, false, power)
    return rows


def sources(trials: int) -> list[dict[str, Any]]:
    """`compare-adapt`: draws of one source set, by classifiers that see two sets of features which are alike in law."""
    rows = []
    classifiers = {"centroid": centroid, "discriminant": discriminant, "nearest": nearest}
    for what, count, share, default in (
        ("compare-adapt's 20 draws: halves of the source", 20, 0.5, True),
        ("5 draws of 80 % of the source", 5, 0.8, False),
        ("10 draws: halves of the source", 10, 0.5, False),
        ("4 draws: halves of the source", 4, 0.5, False),
        ("2 draws of 80 % of the source", 2, 0.8, False),
    ):
        false, power = [], []
        for classify in classifiers.values():
            for n, target in ((60, 50), (60, 300), (200, 300), (60, 2000), (200, 2000)):
                rng = np.random.default_rng([n, target, count])
                found = [from_draws(rng, classify, n, target, count, share) for _ in range(trials // 2)]
                wrong, seen = judged(found, share=share, halves=share == 0.5)
                false.append(wrong)
                power.append(seen)
        rows += both(what, false, power if default else [])
    return rows


def coverage(trials: int) -> list[dict[str, Any]]:
    """Intervals of shares and of their differences."""
    rows: list[dict[str, Any]] = []
    shares = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
    worst = 1.0
    for n in range(5, 201):
        found = [accuracy_interval(np.arange(n) < k) for k in range(n + 1)]
        for p in shares:
            held = [one.low <= p <= one.high for one in found]
            worst = min(worst, float(stats.binom.pmf(np.arange(n + 1), n, p)[held].sum()))
    rows.append({"what": "covered: 5 to 200 answers (counted exactly)", "value": worst, "at_least": 0.93})
    worst, silent = 1.0, []
    for things in (2, 3, 4, 5, 6, 8, 10, 20, 50):
        for alike_by in (0.05, 0.3, 0.8):
            for p in shares:
                rng = np.random.default_rng([things, int(100 * p)])
                found = []
                for _ in range(trials):
                    of = np.repeat(np.arange(things), rng.geometric(0.15, size=things))
                    own = rng.beta(p * (1 / alike_by - 1), (1 - p) * (1 / alike_by - 1), size=things)
                    found.append(accuracy_interval(rng.random(len(of)) < own[of], of))
                worst = min(worst, np.mean([one.low <= p <= one.high for one in found]))
                silent += [things] if not any(one.known for one in found) else []
    said = f"too few to say: of {', '.join(map(str, sorted(set(silent))))}"
    what = "covered: 2 to 50 things of unlike sizes"
    rows.append({"what": what, "value": float(worst), "unit": said, "at_least": 0.93})
    for what, several in (("one answer each", 1), ("5 seeds", 5)):
        worst = 1.0
        for n in (5, 8, 12, 20, 50, 100, 200):
            for p, q in ((0.5, 0.5), (0.7, 0.5), (0.9, 0.9), (0.95, 0.9), (0.99, 0.9), (0.99, 0.99), (0.99, 0.5)):
                rng = np.random.default_rng([n, int(100 * p), int(100 * q)])
                pairs = (rng.random((trials, 2, several, n)) < np.array([p, q])[:, None, None]).astype(float)
                found = [contrast(*(pair if several > 1 else pair[:, 0]), paired=False) for pair in pairs]
                worst = min(worst, np.mean([one.low <= p - q <= one.high for one in found]))
        what = f"covered: differences of 5 to 200 answers, {what}"
        rows.append({"what": what, "value": float(worst), "at_least": 0.93})
    return rows


def alike(
    one: int, other: int, units: int, p: float, mix: tuple[float, float, float], seed: list[int], trials: int
) -> list[Pair]:
    """Data sets of two arms that are alike in law; `one` = -1: a run and networks that all meet the same five draws."""
    own, luck, noise = mix
    threshold = -stats.norm.ppf(p) * np.sqrt(2.25 + own**2 + luck**2 + noise**2)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(trials):
        hard, sides = 1.5 * rng.standard_normal(units, np.float32), []
        drawn = 0.5 * luck * rng.normal(size=(1, 5, 1))  # lucky draws are lucky for all
        for rows in (abs(one), other):
            shape = (rows, 5, units) if one < 0 else (rows, units)
            lucky = luck * rng.normal(size=(rows, *(1 for _ in shape[1:])))
            score = hard + own * rng.standard_normal(units, np.float32) + lucky
            score = score + noise * rng.standard_normal(shape, np.float32)
            if one < 0:
                score += drawn + 0.3 * luck * rng.normal(size=(1, 5, 1))  # and some for one arm alone
            sides.append((score > threshold).astype(float))
        found.append((sides[0], sides[1]))
    return found


def from_draws(
    rng: np.random.Generator, classify: Callable[..., np.ndarray], n: int, target: int, count: int, share: float
) -> Pair:
    """Which target samples are right in each draw, with either of two sets of features; classes have moved a little."""
    y, yt = np.arange(n) % 2, np.arange(target) % 2
    X, Xt = rng.normal(size=(n, 10)), 0.4 + rng.normal(size=(target, 10))
    for side, labels in ((X, y), (Xt, yt)):
        side[:, 0] += 1.2 * labels
        side[:, 5] += 1.2 * labels
    first = int(rng.integers(2**31))
    draws: list[Draw] = [draw(y, yt, 1.0 if share == 0.5 else share, 0, first + at) for at in range(count)]
    if share == 0.5:
        draws = [half for pair in zip(draws[::2], draws[1::2]) for half in halved(*pair, y)]
    right = [
        [classify(X[one.source, part], y[one.source], Xt[:, part]) == yt for one in draws]
        for part in (slice(0, 5), slice(5, 10))
    ]
    return np.array(right[0], float), np.array(right[1], float)


def centroid(X: np.ndarray, y: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """The class whose mean is nearest."""
    means = [X[y == k].mean(axis=0) for k in (0, 1)]
    return np.argmin([((Z - mean) ** 2).sum(axis=1) for mean in means], axis=0)


def discriminant(X: np.ndarray, y: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """Fisher's linear discriminant."""
    means = np.stack([X[y == k].mean(axis=0) for k in (0, 1)])
    rest = X - means[y]
    weights = np.linalg.solve(rest.T @ rest + 1e-6 * np.eye(X.shape[1]), means[1] - means[0])
    return ((Z - means.mean(axis=0)) @ weights > 0).astype(int)


def nearest(X: np.ndarray, y: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """The class of the nearest sample."""
    return y[((X**2).sum(axis=1) - 2 * Z @ X.T).argmin(axis=1)]


def judged(pairs: list[Any], **design: Any) -> tuple[float, float]:
    """Share of data sets with a false verdict, and with a true one were the difference three standard errors larger."""
    found = [contrast(*pair, **design) for pair in pairs]
    gain = 3 * float(np.std([one.mean for one in found]))
    wrong = np.mean([one.verdict in ("gain", "loss") for one in found])
    return float(wrong), float(np.mean([moved(one, gain).verdict == "gain" for one in found]))


def moved(found: Difference, by: float) -> Difference:
    """The same, with a true gain added."""
    return replace(found, mean=found.mean + by, low=found.low + by, high=found.high + by)


def both(what: str, false: list[float], power: list[float]) -> list[dict[str, Any]]:
    """The worst of all cells."""
    print(what, f"{max(false):.3f}", f"{min(power, default=float('nan')):.2f}", file=sys.stderr, flush=True)
    rows: list[dict[str, Any]] = [{"what": f"false verdicts: {what}", "value": max(false), "at_most": 0.07}]
    if power:
        rows.append({"what": f"gains of 3 standard errors seen: {what}", "value": min(power), "at_least": 0.70})
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
