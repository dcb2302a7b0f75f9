"""The loop of DASVM: train, let target samples in under their predicted label, let source samples go."""

from dataclasses import dataclass

import numpy as np

from ._svm import by_class, signs, soft_margin


@dataclass(frozen=True)
class Costs:
    """Costs over the N rounds: the source's from C down to C_target, a target sample's from there up to C_target_max.

    >>> costs = Costs(10.0, 1.0, 5.0, 5)
    >>> [costs.source(i) for i in (0, 5)], [float(costs.target(np.array(age))) for age in (1, 5, 9)]
    ([10.0, 1.0], [1.0, 5.0, 5.0])
    """

    C: float
    C_target: float
    C_target_max: float
    rounds: int

    def source(self, i: int) -> float:
        """max(C + (C* - C) (i / N)^2, C*) in round i, from 0."""
        return max(self.C + (self.C_target - self.C) * (i / self.rounds) ** 2, self.C_target)

    def target(self, age: np.ndarray) -> np.ndarray:
        """C* + (C*max - C*) ((age - 1) / (N - 1))^2 of samples that have been in for `age` rounds, from 1."""
        part = np.clip((age - 1) / max(self.rounds - 1, 1), 0, 1)
        return self.C_target + (self.C_target_max - self.C_target) * part**2


@dataclass(frozen=True)
class Run:
    """What the loop ends with.

    Attributes:
        coef: (n, machines) of all samples; 0 where a sample is not in the training set.
        bias: (machines,)
        predicted: (n,) class of every sample by the last machine.
        members: (n,) which samples it was trained on.
        added: how many target samples joined in each round.
    """

    coef: np.ndarray
    bias: np.ndarray
    predicted: np.ndarray
    members: np.ndarray
    added: list[int]


def dasvm(K: np.ndarray, codes: np.ndarray, ns: int, classes: int, costs: Costs, rho: int, beta: int) -> Run:
    """The loop, for a Gram matrix (n, n) of ns source samples and then the target samples.

    Time O(rounds classes m^2) and more for m samples in the training set, about as many as the source has.

    Args:
        K: (n, n).
        codes: (n,) classes; -1 for target samples without a label.
        ns: how many source samples come first.
        classes: how many classes.
        costs: of source and target samples.
        rho: how many target samples of a class may join in a round.
        beta: end where this many candidates, or fewer, are left.
    """
    n = len(codes)
    is_target = np.arange(n) >= ns
    fixed = is_target & (codes >= 0)
    source, guess, age = ~is_target, np.full(n, -1), np.zeros(n, int)
    added: list[int] = []
    for i in range(costs.rounds + 1):
        members = source | fixed | (guess >= 0)
        rows = np.flatnonzero(members)
        cost = np.where(is_target, np.where(fixed, costs.C_target_max, costs.target(age)), costs.source(i))[rows]
        y = signs(np.where(guess >= 0, guess, codes)[rows], classes)
        inside = K[np.ix_(rows, rows)]
        solved = [soft_margin(inside, sign, cost) for sign in y.T]
        coef, bias = np.zeros((n, y.shape[1])), np.array([b for _, b in solved])
        coef[rows] = np.stack([a for a, _ in solved], axis=1)
        margins = by_class(K[:, rows] @ coef[rows] + bias)
        predicted = margins.argmax(axis=1)
        largest = margins[np.arange(n), predicted]
        flipped = (guess >= 0) & (guess != predicted)
        candidates = is_target & ~fixed & (guess < 0) & (largest < 1)
        if i == costs.rounds or (candidates.sum() <= beta and not flipped.any()):
            break
        guess[flipped], age[flipped] = -1, 0
        age[guess >= 0] += 1
        joined = 0
        for c in range(classes):
            new = _farthest(candidates & (predicted == c), largest, rho)
            guess[new], age[new] = c, 1
            leaving = _farthest(source & (predicted == c), largest, len(new))
            source[leaving] = False
            joined += len(new)
        # a class must not lose its last sample
        for c in np.setdiff1d(codes[:ns], codes[source | fixed]):
            if not (guess == c).any():
                source[_farthest((codes == c) & ~is_target, margins[:, c], 1)] = True
        added.append(joined)
    return Run(coef, bias, predicted, members, added)


def _farthest(among: np.ndarray, margin: np.ndarray, count: int) -> np.ndarray:
    """The rows of a mask with the largest margins, at most `count`; the first where they tie."""
    rows = np.flatnonzero(among)
    return rows[np.argsort(-margin[rows], kind="stable")[:count]]
