"""What every estimator of two domains shares: rows that are checked, maps by domain, names of the columns."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_feature_names_in, check_array, check_is_fitted, validate_data

from ..core.checks import InputError, bad, check_matrix
from .domains import by_name

Map = Callable[[np.ndarray, str], np.ndarray]


class OfDomains(Protocol):
    """An estimator of two domains, of which scikit-learn and `fit` set these."""

    n_features_in_: int
    sources_: tuple[str, ...]
    target_: str
    _n_features_out: int


def matrix(estimator: OfDomains, argument: str, X: ArrayLike, *, reset: bool) -> np.ndarray:
    """Samples as finite float64 (n, d); names and number of the columns are learnt (`reset`) or compared.

    Raises:
        InputError: another shape, NaN, sparse rows, columns of other names or in another order than at `fit`.
    """
    # scikit-learn's own checks speak of types, names and shapes; ours of which rows are not finite
    try:
        array = check_array(X, dtype=np.float64, ensure_all_finite=False, estimator=estimator, input_name=argument)
        check_matrix(argument, array, columns=estimator.n_features_in_ if argument == "Xt" else None)
        validate_data(estimator, X, "no_validation", reset=reset, skip_check_array=True)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"{argument}: {error}") from None
    return array


def by_domain(estimator: OfDomains, function: Map, X: ArrayLike, domain: ArrayLike) -> np.ndarray:
    """A row-wise function of (rows, domain) at samples (n, d) of one domain, or of as many named ones.

    The function sees "target" or a source's name; `domain` may be "source" where there is one source.
    """
    check_is_fitted(estimator, "_n_features_out")
    X = matrix(estimator, "X", X, reset=False)
    names = np.asarray(domain).astype(str)
    if names.shape not in ((), (len(X),)):
        raise bad("domain", f"shape {names.shape}", f"one name, or one for each of the {len(X)} samples")
    known = (estimator.target_, *estimator.sources_)
    strangers = sorted(set(np.unique(names).tolist()) - {"source", "target", *known})
    if strangers:
        raise bad("domain", f"{strangers[0]!r}", f"target, source, or one of {', '.join(known)}")
    names = np.where(names == estimator.target_, "target", names)
    if len(estimator.sources_) == 1:
        names = np.where(names == "source", estimator.sources_[0], names)
    return by_name(function, X, np.broadcast_to(names, len(X)))


def names_out(estimator: OfDomains, given: ArrayLike | None, keeps: bool) -> np.ndarray:
    """Names (k,) of what `transform` returns: the features' own where the map keeps them, else method0, method1 ..."""
    check_is_fitted(estimator, "_n_features_out")
    known = _check_feature_names_in(estimator, given)
    if keeps:
        return np.asarray(known, dtype=object)
    prefix = type(estimator).__name__.lower()
    return np.asarray([f"{prefix}{i}" for i in range(estimator._n_features_out)], dtype=object)
