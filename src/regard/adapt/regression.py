"""Adaptation where the labels are numbers: a shallow method's map, or its source weights, under a regressor.

Every method whose alignment reads no classes can be used (`admits_regression`): it aligns the vectors as for classes,
and a regressor learns on the mapped source and on the target samples whose value is known.
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone, is_regressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from ..core.checks import bad, check_choice, check_matrix
from ..core.discover import load, names
from .contract import ShallowAdapter
from .domains import Domains, by_name, pooled, value_order
from .labels import UNKNOWN

__all__ = ["AdaptedRegressor"]


class AdaptedRegressor(RegressorMixin, TransformerMixin, BaseEstimator):
    """A regressor on adapted vectors; `score` is R2.

    Args:
        adapter: the name of a method that admits regression, or an unfitted one.
        regressor: "ridge" (features of unit variance, penalty by leave-one-out) or a scikit-learn regressor; where
            the method weighs source samples it must take `sample_weight`.

    Attributes:
        adapter_: the fitted method; its `transform` maps samples.
        regressor_: the fitted regressor.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> model = AdaptedRegressor("coral").fit(X, X[:, 0], X * 3 + 5)
    >>> model.score(X * 3 + 5, X[:, 0]) > 0.8
    True
    """

    def __init__(self, adapter: Any = "coral", regressor: Any = "ridge") -> None:
        self.adapter = adapter
        self.regressor = regressor

    def fit(
        self, X: Any, y: Any = None, Xt: Any = None, yt: Any = None, *, domains: Any = None, target: str = "target"
    ) -> Self:
        """Learn from `fit(Xs, ys, Xt, yt=None)` or from `fit(X, y, domains=...)`, as a shallow adapter does.

        Target values that are not known are `UNKNOWN` (or masked, or None); NaN is refused, since it is more often
        a mistake than a marker.

        Raises:
            InputError: a method that needs classes, NaN, shapes that do not fit, a source value that is not known.
        """
        if Xt is not None and domains is not None:
            raise bad("domains", "domains and Xt", "one of the two", "Use fit(Xs, ys, Xt) or fit(X, y, domains=...).")
        X = check_matrix("X" if Xt is None else "Xs", X, min_rows=2).astype(np.float64)
        known, values = _numbers("y" if Xt is None else "ys", y, len(X))
        if Xt is not None:
            Xt = check_matrix("Xt", Xt, columns=X.shape[1]).astype(np.float64)
            known_t, values_t = _numbers("yt", yt, len(Xt))
            origin, found = np.zeros(len(X), int), np.array(["source"])
        else:
            is_target, labels = pooled(len(X), known, domains, target)
            found, origin = np.unique(labels[~is_target], return_inverse=True)
            Xt, known_t, values_t = X[is_target], known[is_target], values[is_target]
            X, known, values = X[~is_target], known[~is_target], values[~is_target]
            if not len(Xt):  # warned in pooled: the source stands in for the target
                Xt, known_t, values_t = X, np.zeros(len(X), bool), values
        if not known.all():
            raise bad("ys", f"{int((~known).sum())} UNKNOWN values", "a value for every source sample")
        self.sources_ = tuple(map(str, found))
        self.target_, self.n_features_in_ = str(target) if domains is not None else "target", X.shape[1]
        s, t = value_order(X, values, origin), value_order(Xt, np.where(known_t, values_t, np.inf))
        rows = np.flatnonzero(known_t[t])
        data = Domains(X[s], values[s], Xt[t], rows, values_t[t][rows], origin[s], self.sources_)
        self.adapter_ = _method(self.adapter)
        self.adapter_.sources_, self.adapter_.n_features_in_ = self.sources_, X.shape[1]
        weights = self.adapter_._align(data)
        Z = by_name(self.adapter_._map, data.Xs, np.array(self.sources_)[data.origin])
        if len(rows):
            Z = np.concatenate([Z, by_name(self.adapter_._map, data.Xt[rows], np.full(len(rows), "target"))])
        given = {} if weights is None else {"sample_weight": np.concatenate([weights, np.ones(len(rows))])}
        self.regressor_ = _regressor(self.regressor)
        if given and hasattr(self.regressor_, "steps"):
            given = {f"{self.regressor_.steps[-1][0]}__sample_weight": given["sample_weight"]}
        self.regressor_.fit(Z, np.concatenate([data.ys, data.yt]), **given)
        return self

    def transform(self, X: Any, domain: str = "target") -> np.ndarray:
        """Map samples (n, d) of a domain into the common space; `domain` is "target", "source" or a source's name."""
        check_is_fitted(self, "regressor_")
        X = check_matrix("X", X, columns=self.n_features_in_).astype(np.float64)
        name = "target" if domain == self.target_ else domain
        if name == "source" and len(self.sources_) == 1:
            name = self.sources_[0]
        check_choice("domain", name, ("target", "source", *self.sources_))
        return by_name(self.adapter_._map, X, np.full(len(X), name))

    def predict(self, X: Any, domain: str = "target") -> np.ndarray:
        """The value (n,) of each sample; `domain` as in `transform`."""
        return self.regressor_.predict(self.transform(X, domain))

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, domain: str = "target") -> float:
        """R2, 1 is perfect; 0 is what the mean of y would get. All values must be known."""
        predicted = self.predict(X, domain)
        known, values = _numbers("y", y, len(predicted))
        if not known.all():
            raise bad("y", f"{int((~known).sum())} UNKNOWN values", "known values to score with")
        return float(r2_score(values, predicted, sample_weight=sample_weight))


def _numbers(argument: str, y: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Which values are known, (n,) bool, and all of them as float64, 0 where not known."""
    if y is None:
        return np.zeros(n, bool), np.zeros(n)
    array = np.asarray(y, dtype=object).ravel()
    if array.shape != (n,):
        raise bad(argument, f"{len(array)} values", f"one value for each of the {n} samples, shape ({n},)")
    known = ~np.ma.getmaskarray(y).ravel() if isinstance(y, np.ma.MaskedArray) else np.ones(n, bool)
    known &= np.array([value is not UNKNOWN and value is not None for value in array], bool)
    values = np.zeros(n)
    try:
        values[known] = array[known].astype(float)
    except (TypeError, ValueError):
        raise bad(argument, "values that are no numbers", "numbers, or UNKNOWN") from None
    if not np.isfinite(values).all():
        raise bad(
            argument,
            "NaN or infinity",
            "finite numbers",
            "Mark an unknown value with regard.adapt.contract.UNKNOWN.",
        )
    return known, values


def _method(adapter: Any) -> ShallowAdapter:
    if isinstance(adapter, str):
        check_choice("adapter", adapter, names("adapt"))
        adapter = load("adapt", adapter)()
    if not isinstance(adapter, ShallowAdapter) or not adapter.admits_regression:
        allowed = [name for name in names("adapt") if load("adapt", name).admits_regression]
        raise bad("adapter", repr(adapter), f"one of {', '.join(allowed)}", "The others align by classes.")
    return clone(adapter)


def _regressor(regressor: Any) -> Any:
    if isinstance(regressor, str):
        check_choice("regressor", regressor, ("ridge",))
        return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))
    if isinstance(regressor, type) or not is_regressor(regressor):
        raise bad("regressor", repr(regressor), "'ridge' or a scikit-learn regressor")
    return clone(regressor)
