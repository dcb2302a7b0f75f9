"""The contract of shallow adaptation: a scikit-learn classifier that learns from two domains.

A method is one file in `vectors/` with a plain function of the maths, a class with `__init__` (which stores its
settings untouched), `_align` and `_map`, and the line `Method = ThatClass`. Checks, labels, the classifier on top,
probabilities and the score are here. Why it is so: docs/decisions/0005-adapter-contract.md.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.metrics import accuracy_score

from ..core.checks import InputError, bad
from .classifier import fit_classifier, probabilities
from .domains import Domains, by_name, pooled, value_order
from .labels import UNKNOWN, Labels, read_labels
from .mapped import by_domain, matrix, names_out

__all__ = ["UNKNOWN", "Domains", "ShallowAdapter"]

Known: TypeAlias = tuple[np.ndarray, np.ndarray]  # which labels are known, (n,) bool, and those labels


class ShallowAdapter(ClassifierMixin, TransformerMixin, BaseEstimator):
    """What every shallow method shares: `fit`, `transform`, `predict`, `predict_proba`, `score`.

    A method gives `_align(data)`, which learns and sets attributes that end in `_` (and may return a weight for each
    source sample), and `_map(X, domain)`, which maps each row by itself. A method that is a classifier of its own
    gives `_learn(data)` and `_proba(X, domain)` instead. `classifier` is a setting of every method that has `_align`:
    "1nn", "linear", "svm" or a scikit-learn classifier, fitted to the mapped source samples and to the mapped target
    samples whose label is known.

    Attributes:
        uses_target_labels: whether known target labels change the model; where not, they are refused.
        needs_target_labels: whether at least one known target label must be given.
        admits_regression: whether `_align` never reads labels as classes, so that `AdaptedRegressor` may use it.
        grid: setting -> the values that tuning tries, best known default first.
        same_map_if_same: whether equal domains are mapped equally, so that nothing is adapted.
        min_target: how many target samples the method needs.
        keeps_features: whether what `_map` returns has the meaning of the features that came.
        classes_: the labels, sorted; from the source and from the known target labels.
        sources_: names of the source domains.
        target_: name of the target domain.
        classifier_: the fitted classifier on top.
        source_weight_: weights of the source samples in the caller's order, where the method learns such.
    """

    uses_target_labels: ClassVar[bool] = True
    needs_target_labels: ClassVar[bool] = False
    admits_regression: ClassVar[bool] = False
    grid: ClassVar[Mapping[str, Sequence[object]]] = {}
    same_map_if_same: ClassVar[bool] = True
    min_target: ClassVar[int] = 1
    keeps_features: ClassVar[bool] = False

    def fit(
        self,
        X: ArrayLike,
        y: Labels | None = None,
        Xt: ArrayLike | None = None,
        yt: Labels | None = None,
        *,
        domains: ArrayLike | None = None,
        target: str = "target",
    ) -> Self:
        """Learn from a labelled source and a target: `fit(Xs, ys, Xt, yt=None)` or `fit(X, y, domains=...)`.

        The two forms give the same model. The order of rows never matters; no argument is changed. Known target
        labels are used: mark those that the method must not see as `UNKNOWN`, or leave `yt` out.

        Args:
            X: (ns, d) source samples, or all samples (n, d) in the pooled form.
            y: (ns,) or (n,) labels; any text or whole numbers. `UNKNOWN` is allowed for target samples only.
            Xt: (nt, d) target samples; leave it out in the pooled form.
            yt: (nt,) target labels of which any may be `UNKNOWN`, or None where none is known.
            domains: (n,) name of each row's domain. The rows that carry the name `target` are the target; all
                others are the source, from one domain or several. Without it the rows whose label is `UNKNOWN` are
                the target; if there is none, a UserWarning says that nothing is adapted.
            target: name of the target in `domains`.

        Raises:
            InputError: NaN, sparse or wrongly shaped samples, one class only, an unlabelled source sample, target
                labels that share no class with the source, an unknown domain name, settings out of range.
        """
        if Xt is None and yt is not None:
            raise bad("Xt", "None with yt", "the target samples (nt, d) of the labels yt")
        if Xt is not None and domains is not None:
            raise bad("domains", "domains and Xt", "one of the two", "Use fit(Xs, ys, Xt) or fit(X, y, domains=...).")
        if y is None:
            raise InputError(f"y: {type(self).__name__} requires y to be passed, but the target y is None.")
        X = matrix(self, "X" if Xt is None else "Xs", X, reset=True)
        if Xt is not None:
            Xt = matrix(self, "Xt", Xt, reset=False)
            labels_s, labels_t = read_labels("ys", y, len(X)), read_labels("yt", yt, len(Xt))
            source, names = np.arange(len(X)), np.full(len(X), "source")
            self.target_ = "target"
        else:
            known, labels = read_labels("y", y, len(X))
            is_target, names = pooled(len(X), known, domains, target)
            at = np.cumsum(known) - 1  # where a known row's label stands in `labels`
            source, rows = np.flatnonzero(~is_target), np.flatnonzero(is_target)
            if not is_target.any():  # warned in pooled: the source stands in for the target
                seen = np.full(len(X), self.needs_target_labels)
                rows, labels_t = source, (seen, labels if self.needs_target_labels else labels[:0])
            else:
                labels_t = known[rows], labels[at[rows[known[rows]]]]
            labels_s = known[source], labels[at[source[known[source]]]]
            X, Xt, names = X[source], X[rows], names[source]
            self.target_ = str(target) if domains is not None else "target"
        self.sources_ = tuple(map(str, np.unique(names)))
        data, order = self._gather(X, labels_s, Xt, labels_t, np.unique(names, return_inverse=True)[1])
        weights = self._learn(data)
        self.__dict__.pop("source_weight_", None)
        if weights is not None:
            self.source_weight_ = np.empty(len(X))
            self.source_weight_[order] = weights
        self._n_features_out = self._map(data.Xt[:1], "target").shape[1]
        return self

    def transform(self, X: ArrayLike, domain: ArrayLike = "target") -> np.ndarray:
        """Map samples (n, d) of a domain into the common space, each row by itself.

        `domain` is "target", "source", the name of a domain given at `fit`, or an array (n,) of such names.
        """
        return by_domain(self, self._map, X, domain)

    def fit_transform(
        self, X: ArrayLike, y: Labels | None = None, *, domains: ArrayLike | None = None, target: str = "target"
    ) -> np.ndarray:
        """Learn from pooled samples and map each by its own domain; rows stay in the caller's order."""
        self.fit(X, y, domains=domains, target=target)
        if domains is None:
            domains = np.where(read_labels("y", y, len(np.asarray(X)))[0], "source", "target")
        return self.transform(X, domain=domains)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Names (k,) of the columns that `transform` gives, which `set_output` writes above them.

        A method that moves samples among the features that there are keeps their names; one with components of its
        own numbers them: tca0, tca1 ...
        """
        kept = self.keeps_features or type(self)._map is ShallowAdapter._map
        return names_out(self, input_features, kept)

    def predict_proba(self, X: ArrayLike, domain: ArrayLike = "target") -> np.ndarray:
        """Probabilities (n, K) in the order of `classes_`; `domain` as in `transform`."""
        return by_domain(self, self._proba, X, domain)

    def predict(self, X: ArrayLike, domain: ArrayLike = "target") -> np.ndarray:
        """The most probable labels (n,), in the type in which they were given; `domain` as in `transform`."""
        best = self.predict_proba(X, domain).argmax(axis=1)
        return self.classes_[best]

    def score(
        self, X: ArrayLike, y: Labels, sample_weight: ArrayLike | None = None, *, domain: ArrayLike = "target"
    ) -> float:
        """Accuracy in [0, 1], larger is better; `domain` as in `transform`. All labels must be known."""
        predicted = self.predict(X, domain)
        known, labels = read_labels("y", y, len(predicted))
        if not known.all():
            raise bad(
                "y",
                f"{int((~known).sum())} UNKNOWN among {len(known)} labels",
                "known labels to score with",
                "In a grid search, give cv= pairs of rows whose test rows are labelled target samples.",
            )
        return float(accuracy_score(labels, predicted, sample_weight=sample_weight))

    def _align(self, data: Domains) -> np.ndarray | None:
        """Learn the map; return weights (ns,) of the source samples, or None where all count the same."""
        raise NotImplementedError(f"{type(self).__name__} gives neither _align nor _learn")

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        """Map rows (n, d) of the domain "target", or of a source (any other name); the default changes nothing."""
        return X

    def _learn(self, data: Domains) -> np.ndarray | None:
        """Learn everything: the map, then the classifier on the labelled samples of both domains."""
        weights = self._align(data)
        self._classify(data, weights)
        return weights

    def _classify(self, data: Domains, weights: np.ndarray | None = None) -> None:
        """Fit the classifier on top to the mapped source, weighted so, and to target samples whose label is known."""
        of_source = np.array(data.sources)[data.origin]
        Z = np.concatenate(
            [by_name(self._map, data.Xs, of_source), self._map(data.Xt[data.known], "target")]
            if len(data.known)
            else [by_name(self._map, data.Xs, of_source)]
        )
        every = None if weights is None else np.concatenate([weights, np.ones(len(data.known))])
        classifier = self.get_params(deep=False)["classifier"]
        self.classifier_ = fit_classifier(classifier, Z, np.concatenate([data.ys, data.yt]), every)

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        """Probabilities (n, K) of rows of a domain, named as for `_map`."""
        return probabilities(self.classifier_, self._map(X, domain))

    def _gather(
        self, Xs: np.ndarray, labels_s: Known, Xt: np.ndarray, labels_t: Known, origin: np.ndarray
    ) -> tuple[Domains, np.ndarray]:
        """Check the labels against each other, number the classes and put the rows into their own order."""
        (known_s, ys), (known_t, yt) = labels_s, labels_t
        if not known_s.all():
            raise bad("ys", f"{int((~known_s).sum())} UNKNOWN labels", "a label for every source sample")
        if len(yt) and not self.uses_target_labels:
            raise bad("yt", f"{len(yt)} known labels", "none, as this method has no use for them", "Leave yt out.")
        if not len(yt) and self.needs_target_labels:
            raise bad(
                "yt",
                "no known label",
                "the labels of some target samples",
                f"{type(self).__name__} learns from them; `regard methods adapt` lists methods that need none.",
            )
        if len(yt) and (ys.dtype.kind in "US") != (yt.dtype.kind in "US"):
            raise bad("yt", f"labels such as {yt[0]!r}", f"labels of the same type as the source's, such as {ys[0]!r}")
        if len(yt) and not np.isin(yt, ys).any():
            raise bad(
                "yt",
                f"the classes {_some(yt)}",
                f"at least one of the source's classes {_some(ys)}",
                "Are they the same?",
            )
        self.classes_ = np.unique(np.concatenate([ys, yt]) if len(yt) else ys)
        if (ys == ys[0]).all():
            raise bad("ys", f"1 class ({ys[0]})", "at least 2 classes")
        if len(Xt) < self.min_target:
            raise bad("Xt", f"{len(Xt)} target sample", f"at least {self.min_target}")
        codes_s, codes_t = np.searchsorted(self.classes_, ys), np.full(len(Xt), -1)
        codes_t[known_t] = np.searchsorted(self.classes_, yt)
        order_s, order_t = value_order(Xs, codes_s, origin), value_order(Xt, codes_t)
        known = np.flatnonzero(known_t[order_t])
        yt = codes_t[order_t][known]
        return Domains(Xs[order_s], codes_s[order_s], Xt[order_t], known, yt, origin[order_s], self.sources_), order_s


def _some(labels: np.ndarray) -> str:
    names = [str(label) for label in np.unique(labels)]
    return ", ".join(names[:5]) + (f" ... ({len(names)})" if len(names) > 5 else "")
