"""TrAdaBoost: boosting that trusts source samples less when they are wrong (Dai, Yang, Xue & Yu 2007, ICML).

In each round a classifier learns from all labelled samples under their weights. Labelled target samples that it gets
wrong gain weight, as in AdaBoost; source samples that it gets wrong lose weight by a fixed factor, since they look
unlike the target. The classifiers of the second half of the rounds vote.

For two classes this is the paper's algorithm 1. With more, an error is any wrong class (the 0/1 loss) and a classifier
votes for the class that it predicts. An error of 0 is taken as 1e-4; where a round errs on half of the target's weight
or more, which the paper rules out, it is taken as 0.49, so that source samples that mislead go on losing weight.
"""

from typing import Any

import numpy as np

from ...core.checks import check_number
from ..classifier import ClassifierLike, fit_classifier, probabilities
from ..contract import Domains, ShallowAdapter


class TrAdaBoost(ShallowAdapter):
    """Boosting over source and labelled target samples. Cost: `rounds` fits of the classifier.

    Args:
        rounds: N, at least 1.
        classifier: "linear", "svm" or a scikit-learn classifier that takes sample weights.

    Attributes:
        models_: the classifiers that vote.
        votes_: their weights, -log beta_t.
        errors_: weighted error on the labelled target samples in each round.
        source_weight_: (ns,) the source's weights in the end, in the caller's order, of mean 1 in the beginning.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 2)) + y[:, None] * [4, 0]
    >>> Xt = rng.normal(size=(100, 2)) + y[:, None] * [2, 4]
    >>> few = np.where(np.arange(100) % 10 == 0, y, None)
    >>> TrAdaBoost().fit(X, y, Xt, few).score(Xt, y) > 0.9
    True
    """

    needs_target_labels = True
    grid = {"rounds": (10, 5, 20)}

    def __init__(self, rounds: int = 10, classifier: ClassifierLike = "linear") -> None:
        self.rounds = rounds
        self.classifier = classifier

    def _learn(self, data: Domains) -> np.ndarray:
        rounds = int(check_number("rounds", self.rounds, 1, whole=True))
        X, y = np.concatenate([data.Xs, data.Xt[data.known]]), np.concatenate([data.ys, data.yt])
        ns = len(data.Xs)
        present = np.unique(y)  # the classes as a model numbers them
        w = np.ones(len(y))
        beta = 1 / (1 + np.sqrt(2 * np.log(ns) / rounds))
        found: list[tuple[Any, float]] = []
        self.errors_: list[float] = []
        for _ in range(rounds):
            model = fit_classifier(self.classifier, X, np.searchsorted(present, y), w / w.mean())
            wrong = present[probabilities(model, X).argmax(axis=1)] != y
            error = float(w[ns:] @ wrong[ns:] / w[ns:].sum())
            self.errors_.append(error)
            error = float(np.clip(error, 1e-4, 0.49))
            beta_t = error / (1 - error)
            found.append((model, -np.log(beta_t)))
            w[:ns] *= np.where(wrong[:ns], beta, 1.0)
            w[ns:] *= np.where(wrong[ns:], 1 / beta_t, 1.0)
            w /= w.mean()  # only ratios matter; sums would run out of range
        half = found[rounds // 2 :]
        self.models_, self.votes_ = [model for model, _ in half], np.array([vote for _, vote in half])
        self._present = present
        return w[:ns] / max(float(w[:ns].mean()), 1e-300)

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        """Share of the votes for each class: of two, above 1/2 exactly where the paper's product says 1."""
        votes = np.zeros((len(X), len(self.classes_)))
        for model, vote in zip(self.models_, self.votes_):
            best = self._present[probabilities(model, X).argmax(axis=1)]
            votes[np.arange(len(X)), best] += vote
        return votes / votes.sum(axis=1, keepdims=True)


Method = TrAdaBoost
