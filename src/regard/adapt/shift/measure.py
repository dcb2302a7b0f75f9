"""How far two domains lie apart: maximum mean discrepancy, proxy A-distance and the distances of `distances`.

Gretton et al. 2012 (JMLR 13, eq. 3 and 5, section 8 for the bandwidth); Long et al. 2015 (ICML, several kernels);
Ben-David et al. 2006 (NIPS) and Glorot et al. 2011 (ICML) for the A-distance.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from ...core.checks import check_number
from ...core.runtime import numpy_rng
from ..labels import known_labels
from .distances import coral_distance, energy_p_value, linear_time_mmd2, sliced_wasserstein, wasserstein
from .mmd import centred, drawn, drawn_rows, mmd2, mmd2_of_members, p_value, scales_of, two_sets

__all__ = ["ADistance", "Shift", "mmd2", "proxy_a_distance", "shift"]


@dataclass(frozen=True)
class ADistance:
    """Proxy A-distance in [0, 2]: 0 where a linear classifier cannot tell the domains apart, 2 where it always can.

    Attributes:
        value: 2 (1 - 2 error), mean over repeated halves.
        low: 2.5th percentile over the repeats; the spread of the halving, not of new data.
        high: 97.5th percentile.
        error: mean error on the held-out halves, both domains counting the same; at most 0.5.
    """

    value: float
    low: float
    high: float
    error: float


@dataclass(frozen=True)
class Shift:
    """The distance between a source and a target, by several measures; a larger number is a larger shift.

    Attributes:
        linear: biased MMD^2 of the linear kernel: the squared distance of the two means.
        rbf: biased MMD^2 of the Gaussian kernel with the median heuristic.
        rbf_unbiased: the unbiased one; about 0 without a shift, may be below; NaN with a single sample.
        multi: biased MMD^2 of the mean of five Gaussian kernels.
        p_value: share of random relabellings of the domains with at least the observed `rbf`; NaN without them.
        a_distance: proxy A-distance; NaN with fewer than 4 samples in a domain.
        a_distance_low: its 2.5th percentile over repeats.
        a_distance_high: its 97.5th percentile.
        label_shift: total variation distance of the class shares in [0, 1]; NaN where labels are not known.
        per_class: class -> biased RBF MMD^2 between its source and its target samples, one bandwidth for all.
        linear_time: linear-time MMD^2 of the Gaussian kernel on all samples; NaN with fewer than 4 in a domain.
        linear_time_error: its standard error.
        coral: CORAL distance of the covariances.
        energy: energy distance, at least 0.
        energy_p: its permutation p-value; NaN without permutations.
        wasserstein: W2, exact, on at most 1000 samples of each domain.
        sliced: sliced Wasserstein distance.
        per_class_energy: class -> energy distance between its source and its target samples.
        used: how many source and target samples the measures saw.
        given: how many there were.
        notes: what was left out, and why.
    """

    linear: float
    rbf: float
    rbf_unbiased: float
    multi: float
    p_value: float
    a_distance: float
    a_distance_low: float
    a_distance_high: float
    label_shift: float
    used: tuple[int, int]
    given: tuple[int, int]
    linear_time: float = np.nan
    linear_time_error: float = np.nan
    coral: float = np.nan
    energy: float = np.nan
    energy_p: float = np.nan
    wasserstein: float = np.nan
    sliced: float = np.nan
    per_class: Mapping[str, float] = field(default_factory=dict)
    per_class_energy: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for cards and JSON."""
        return asdict(self)


def proxy_a_distance(
    Xs: ArrayLike, Xt: ArrayLike, *, seed: int = 0, repeats: int = 10, max_samples: int | None = 1000
) -> ADistance:
    """Proxy A-distance 2 (1 - 2 error) of a linear SVM that tells source (ns, d) from target (nt, d).

    The SVM (squared hinge; features scaled to unit variance; domains weighed equally) learns on a random half of
    each domain and errs on the other half; C out of 1e-4 ... 1 is chosen once, on a part of the first learning half.
    Error rates above 0.5 count as 0.5. Time O(repeats n d) times the solver's steps.

    Args:
        Xs: (ns, d), ns >= 4.
        Xt: (nt, d), nt >= 4.
        seed: of the halves, and of the drawn samples.
        repeats: how many random halves.
        max_samples: larger domains are represented by so many samples, drawn at random; None takes all.
    """
    Xs, Xt = two_sets(Xs, Xt, min_rows=4)
    check_number("repeats", repeats, 1, whole=True)
    rng = numpy_rng(seed, "a-distance")
    Xs, Xt = drawn(Xs, max_samples, rng), drawn(Xt, max_samples, rng)
    Z, side = np.concatenate([Xs, Xt]), np.repeat([0, 1], [len(Xs), len(Xt)])
    halves = [_halves(side, rng) for _ in range(repeats)]
    C, inner = 0.01, halves[0][0]
    if np.bincount(side[inner]).min() >= 4:  # enough to split once more
        fit, check = (inner[rows] for rows in _halves(side[inner], rng))
        C = min((1e-4, 1e-3, 1e-2, 1e-1, 1.0), key=lambda value: _domain_error(Z, side, fit, check, value))
    errors = np.minimum([_domain_error(Z, side, fit, check, C) for fit, check in halves], 0.5)
    distances = 2 * (1 - 2 * errors)
    low, high = np.quantile(distances, [0.025, 0.975])
    return ADistance(float(distances.mean()), float(low), float(high), float(errors.mean()))


def shift(
    Xs: ArrayLike,
    Xt: ArrayLike,
    ys: ArrayLike | None = None,
    yt: ArrayLike | None = None,
    *,
    seed: int = 0,
    permutations: int = 200,
    max_samples: int | None = 2000,
    chunk: int = 1024,
    more: bool = True,
) -> Shift:
    """Measure the shift between source samples (ns, d) and target samples (nt, d).

    Above `max_samples` a domain is represented by that many samples drawn at random; `used` and `notes` say so.
    Time O(n^2 (d + permutations)) and memory O(n (d + chunk + permutations)) for n samples used.

    Args:
        Xs: (ns, d).
        Xt: (nt, d).
        ys: (ns,) labels, for `label_shift` and `per_class`; needs `yt` too. None or all known.
        yt: (nt,) labels; None or all known.
        seed: of everything that is drawn.
        permutations: relabellings for the p-value, which is (1 + how many reach the observed distance, ties among
            them) / (1 + permutations); 0 leaves it out.
        max_samples: per domain; None takes all.
        chunk: rows of the kernel matrix that are held at a time.
        more: measure CORAL, energy, Wasserstein and linear-time MMD, too.

    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> near, far = shift(X[:30], X[30:]), shift(X[:30], X[30:] + 2)
    >>> near.rbf < far.rbf, near.p_value > 0.05, far.p_value < 0.05, far.a_distance > 1
    (True, True, True, True)
    """
    source, target = two_sets(Xs, Xt)
    check_number("permutations", permutations, 0, whole=True)
    rng, notes, given = numpy_rng(seed, "shift"), [], (len(source), len(target))
    labels = None
    if ys is not None and yt is not None:
        labels = known_labels("ys", ys, given[0]), known_labels("yt", yt, given[1])
    rows_s, rows_t = drawn_rows(given[0], max_samples, rng), drawn_rows(given[1], max_samples, rng)
    extra: dict[str, float] = {}
    if more and min(given) >= 4:  # on all samples: its time is linear
        quick = linear_time_mmd2(source, target, seed=seed)
        extra |= {"linear_time": quick.value, "linear_time_error": quick.error}
    source, target = source[rows_s], target[rows_t]
    ns, nt = len(source), len(target)
    if given != (ns, nt):
        notes.append(f"measured on {ns} of {given[0]} source and {nt} of {given[1]} target samples")
    Z = centred(source, target)
    draws = [np.arange(len(Z)), *(rng.permutation(len(Z)) for _ in range(permutations))]
    members = np.stack([(draw < ns).astype(float) for draw in draws], axis=1)
    rbf = scales_of(Z, "rbf", None, seed)
    permuted = mmd2_of_members(Z, members, rbf, False, chunk)
    unbiased = np.nan
    if min(ns, nt) >= 2:
        unbiased = float(mmd2_of_members(Z, members[:, :1], rbf, True, chunk)[0])
    else:
        notes.append("a single sample has no unbiased MMD")
    pad = ADistance(np.nan, np.nan, np.nan, np.nan)
    if min(ns, nt) >= 4:
        pad = proxy_a_distance(source, target, seed=seed)
        if max(ns, nt) > 1000:
            notes.append("A-distance on at most 1000 samples of each domain")
    else:
        notes.append("fewer than 4 samples have no A-distance")
    if more:
        energy, energy_p = energy_p_value(source, target, permutations, seed)
        extra |= {"coral": coral_distance(source, target), "energy": energy, "energy_p": energy_p}
        extra["wasserstein"] = wasserstein(source, target, seed=seed)
        extra["sliced"] = sliced_wasserstein(source, target, seed=seed)
    per_class: dict[str, float] = {}
    per_class_energy: dict[str, float] = {}
    if labels is not None:
        codes_s, codes_t = labels[0][rows_s], labels[1][rows_t]
        for label in np.intersect1d(codes_s, codes_t):
            in_s, in_t = codes_s == label, codes_t == label
            of_class = np.concatenate([Z[:ns][in_s], Z[ns:][in_t]])
            member = (np.arange(len(of_class)) < in_s.sum()).astype(float)[:, None]
            if more:
                per_class_energy[str(label)] = energy_p_value(source[in_s], target[in_t], 0, seed)[0]
            per_class[str(label)] = float(mmd2_of_members(of_class, member, rbf, False, chunk)[0])
    return Shift(
        linear=float(mmd2_of_members(Z, members[:, :1], (), False, chunk)[0]),
        rbf=float(permuted[0]),
        rbf_unbiased=unbiased,
        multi=float(mmd2_of_members(Z, members[:, :1], scales_of(Z, "multi", None, seed), False, chunk)[0]),
        p_value=p_value(permuted, 1.0),  # a difference of mean kernels, which are at most 1
        a_distance=pad.value,
        a_distance_low=pad.low,
        a_distance_high=pad.high,
        label_shift=np.nan if labels is None else _total_variation(*labels),
        used=(ns, nt),
        given=given,
        per_class=per_class,
        per_class_energy=per_class_energy,
        notes=tuple(notes),
        **extra,
    )


def _domain_error(Z: np.ndarray, side: np.ndarray, fit: np.ndarray, check: np.ndarray, C: float) -> float:
    scaler = StandardScaler().fit(Z[fit])
    # a finer tolerance moves the distance by under 0.002 and takes twenty times as long where the domains coincide
    svm = LinearSVC(C=C, dual=False, tol=1e-2, class_weight="balanced", max_iter=10_000)
    wrong = svm.fit(scaler.transform(Z[fit]), side[fit]).predict(scaler.transform(Z[check])) != side[check]
    return float(np.mean([wrong[side[check] == s].mean() for s in (0, 1)]))


def _halves(side: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    fit, check = train_test_split(
        np.arange(len(side)), test_size=0.5, stratify=side, random_state=int(rng.integers(2**31))
    )
    return fit, check


def _total_variation(ys: np.ndarray, yt: np.ndarray) -> float:
    return float(sum(abs((ys == label).mean() - (yt == label).mean()) for label in np.union1d(ys, yt)) / 2)
