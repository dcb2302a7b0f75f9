"""Two Gaussian classes whose Bayes error, and whose error of each part, is known: what `decompose` is held against.

x | y = S N(+-mu, I) in d dimensions, S diagonal, both classes as frequent. With v = S w a linear classifier (w, b) errs
with probability (Phi(-(v mu + b) / |v|) + Phi(-(v mu - b) / |v|)) / 2, the best of those on the first c dimensions with
Phi(-|mu_c|), whatever S is; S decides how fast gradient descent gets there. Logistic regression is right about these
classes (their posterior is logistic in x), so that is where endless samples lead. What N samples or t steps lack of it
are means over fresh training sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from regard.studies.decompose.plan import Question
from regard.studies.decompose.softmax import descend, optimum, told


@dataclass(frozen=True)
class Problem:
    """Class means +-mu, scales, numbers of dimensions, lengths of gradient descent; the last length is the minimum."""

    mu: np.ndarray
    scale: np.ndarray
    dims: tuple[int, ...]
    steps: tuple[int, ...]

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n samples (n, d) and their classes (n,)."""
        y = rng.permutation(np.arange(n) % 2)
        return self.scale * (rng.normal(size=(n, len(self.mu))) + (2 * y - 1)[:, None] * self.mu), y

    def learned(self, X: np.ndarray, y: np.ndarray, dims: int, lengths: tuple[int, ...]) -> list[np.ndarray]:
        """Weights after these lengths, by their places."""
        some = [self.steps[one] for one in lengths if one < len(self.steps)]
        found = dict(zip([one for one in lengths if one < len(self.steps)], descend(X[:, :dims], y, 2, some)))
        return [found[one] if one in found else optimum(X[:, :dims], y, 2) for one in lengths]

    def error(self, weights: np.ndarray) -> float:
        """The exact error of a classifier on the first dimensions."""
        w, b = weights[:-1, 1] - weights[:-1, 0], weights[-1, 1] - weights[-1, 0]
        w = w * self.scale[: len(w)]
        reach, size = float(w @ self.mu[: len(w)]), max(float(np.linalg.norm(w)), 1e-300)
        return float(norm.cdf([-(reach + b) / size, -(reach - b) / size]).mean())

    def best(self, dims: int) -> float:
        """The least error on the first dimensions."""
        return float(norm.cdf(-np.linalg.norm(self.mu[:dims])))

    def truth(self, n: int, dims: int, length: int, draws: int, seed: int = 0) -> dict[str, float]:
        """The parts of the error with n samples and a length, by its place; estimates over `draws` training sets."""
        rng, ends = np.random.default_rng([seed, n]), []
        for _ in range(draws):
            X, y = self.draw(n, rng)
            ends.append([self.error(one) for one in self.learned(X, y, dims, (length, len(self.steps)))])
        stopped, ended = np.mean(ends, axis=0)
        rest, best = self.best(self.dims[-1]), self.best(dims)
        parts = {"rest": rest, "approximation": best - rest, "estimation": ended - best}
        return {**parts, "optimisation": stopped - ended, "error": stopped}


@dataclass(frozen=True)
class Asked:
    """A learner on one training set, scored on one test set."""

    problem: Problem
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    @property
    def about(self) -> Mapping[str, Any]:
        """Nothing is kept of it."""
        return {}

    def __call__(self, question: Question) -> np.ndarray:
        """Mistakes (lengths, images)."""
        dims = self.problem.dims[question.capacity]
        X, y = (one[question.rows] for one in self.train)
        found = self.problem.learned(X, y, dims, question.lengths)
        return np.array([told(self.test[0][:, :dims], one) != self.test[1] for one in found], dtype=float)
