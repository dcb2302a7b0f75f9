"""Adaptation where the labels are numbers: a shallow method's map, or its source weights, under a regressor.

Every method whose alignment reads no classes can be used (`admits_regression`): it aligns the vectors as for classes,
and a regressor learns on the mapped source and on the target samples whose value is known.
"""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone, is_regressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, column_or_1d

from ..core.checks import InputError, bad, check_choice
from ..core.discover import load, names
from .contract import ShallowAdapter
from .domains import Domains, by_name, pooled, value_order
from .labels import UNKNOWN, Labels
from .mapped import by_domain, matrix

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

    def __init__(self, adapter: str | ShallowAdapter = "coral", regressor: str | RegressorMixin = "ridge") -> None:
        self.adapter = adapter
        self.regressor = regressor

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
        """Learn from `fit(Xs, ys, Xt, yt=None)` or from `fit(X, y, domains=...)`, as a shallow adapter does.

        Target values that are not known are `UNKNOWN` (or masked, or None); NaN is refused, since it is more often
        a mistake than a marker.

        Raises:
            InputError: a method that needs classes, NaN, shapes that do not fit, a source value that is not known.
        """
        if Xt is not None and domains is not None:
            raise bad("domains", "domains and Xt", "one of the two", "Use fit(Xs, ys, Xt) or fit(X, y, domains=...).")
        if y is None:
            raise InputError("y: AdaptedRegressor requires y to be passed, but the target y is None.")
        source = matrix(self, "X" if Xt is None else "Xs", X, reset=True)
        known, values = _numbers("y" if Xt is None else "ys", y, len(source))
        if Xt is not None:
            of_target = matrix(self, "Xt", Xt, reset=False)
            known_t, values_t = _numbers("yt", yt, len(of_target))
            origin, found = np.zeros(len(source), int), np.array(["source"])
        else:
            is_target, labels = pooled(len(source), known, domains, target)
            found, origin = np.unique(labels[~is_target], return_inverse=True)
            of_target, known_t, values_t = source[is_target], known[is_target], values[is_target]
            source, known, values = source[~is_target], known[~is_target], values[~is_target]
            if not len(of_target):  # warned in pooled: the source stands in for the target
                of_target, known_t, values_t = source, np.zeros(len(source), bool), values
        if not known.all():
            raise bad("ys", f"{int((~known).sum())} UNKNOWN values", "a value for every source sample")
        if len(source) < 2:
            raise bad("Xs", f"{len(source)} sample", "at least 2 samples")
        self.sources_ = tuple(map(str, found))
        self.target_ = str(target) if domains is not None else "target"
        s, t = value_order(source, values, origin), value_order(of_target, np.where(known_t, values_t, np.inf))
        rows = np.flatnonzero(known_t[t])
        data = Domains(source[s], values[s], of_target[t], rows, values_t[t][rows], origin[s], self.sources_)
        self.adapter_ = _method(self.adapter)
        self.adapter_.sources_, self.adapter_.target_ = self.sources_, self.target_
        self.adapter_.n_features_in_ = source.shape[1]
        weights = self.adapter_._align(data)
        Z = by_name(self.adapter_._map, data.Xs, np.array(self.sources_)[data.origin])
        if len(rows):
            Z = np.concatenate([Z, by_name(self.adapter_._map, data.Xt[rows], np.full(len(rows), "target"))])
        given = {} if weights is None else {"sample_weight": np.concatenate([weights, np.ones(len(rows))])}
        self.regressor_ = _regressor(self.regressor)
        if given and hasattr(self.regressor_, "steps"):
            given = {f"{self.regressor_.steps[-1][0]}__sample_weight": given["sample_weight"]}
        self.regressor_.fit(Z, np.concatenate([data.ys, data.yt]), **given)
        self._n_features_out = self.adapter_._n_features_out = Z.shape[1]
        return self

    def transform(self, X: ArrayLike, domain: ArrayLike = "target") -> np.ndarray:
        """Map samples (n, d) of a domain into the common space.

        `domain` is "target", "source", the name of a domain given at `fit`, or an array (n,) of such names.
        """
        return self._mapped(X, domain)

    def fit_transform(
        self, X: ArrayLike, y: Labels | None = None, *, domains: ArrayLike | None = None, target: str = "target"
    ) -> np.ndarray:
        """Learn from pooled samples and map each by its own domain; rows stay in the caller's order."""
        self.fit(X, y, domains=domains, target=target)
        if domains is None:
            domains = np.where(_numbers("y", y, len(np.asarray(X)))[0], "source", "target")
        return self.transform(X, domain=domains)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Names (k,) of the columns that `transform` gives, as the adapter has them."""
        check_is_fitted(self, "_n_features_out")
        return self.adapter_.get_feature_names_out(_check_feature_names_in(self, input_features))

    def predict(self, X: ArrayLike, domain: ArrayLike = "target") -> np.ndarray:
        """The value (n,) of each sample; `domain` as in `transform`."""
        Z = self._mapped(X, domain)
        return self.regressor_.predict(Z)

    def _mapped(self, X: ArrayLike, domain: ArrayLike) -> np.ndarray:
        """As `transform`, an array whatever `set_output` says."""
        check_is_fitted(self, "_n_features_out")
        return by_domain(self, self.adapter_._map, X, domain)

    def score(
        self, X: ArrayLike, y: Labels, sample_weight: ArrayLike | None = None, *, domain: ArrayLike = "target"
    ) -> float:
        """R2, 1 is perfect; 0 is what the mean of y would get. All values must be known."""
        predicted = self.predict(X, domain)
        known, values = _numbers("y", y, len(predicted))
        if not known.all():
            raise bad("y", f"{int((~known).sum())} UNKNOWN values", "known values to score with")
        return float(r2_score(values, predicted, sample_weight=sample_weight))


def _numbers(argument: str, y: Labels | None, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Which values are known, (n,) bool, and all of them as float64, 0 where not known."""
    if y is None:
        return np.zeros(n, bool), np.zeros(n)
    try:
        array = column_or_1d(np.asarray(y, dtype=object), warn=True)
    except ValueError as error:
        raise bad(argument, f"{error}", f"one value for each of the {n} samples, shape ({n},)") from None
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
        what = "NaN" if np.isnan(values).any() else "infinity"
        raise bad(
            argument,
            f"values among which {what} stands (Input {argument} contains {what})",
            "finite numbers",
            "Mark an unknown value with regard.adapt.contract.UNKNOWN.",
        )
    return known, values


def _method(adapter: str | ShallowAdapter) -> ShallowAdapter:
    if isinstance(adapter, str):
        check_choice("adapter", adapter, names("adapt"))
        adapter = load("adapt", adapter)()
    if not isinstance(adapter, ShallowAdapter) or not adapter.admits_regression:
        allowed = [name for name in names("adapt") if load("adapt", name).admits_regression]
        raise bad("adapter", repr(adapter), f"one of {', '.join(allowed)}", "The others align by classes.")
    return clone(adapter)


def _regressor(regressor: str | RegressorMixin) -> RegressorMixin:
    if isinstance(regressor, str):
        check_choice("regressor", regressor, ("ridge",))
        scaler = StandardScaler().set_output(transform="default")  # arrays inside, whatever the global setting says
        return make_pipeline(scaler, RidgeCV(np.logspace(-3, 4, 15)))
    if isinstance(regressor, type) or not is_regressor(regressor):
        raise bad("regressor", repr(regressor), "'ridge' or a scikit-learn regressor")
    return clone(regressor)
