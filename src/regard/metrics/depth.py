"""How far predicted depth is from measured depth: the measures that the field gives, each a mean over pictures.

With d the predicted and t the true depth of the n pixels of a picture whose depth is known, and g = ln d - ln t,

    abs_rel   mean |d - t| / t              rmse      sqrt(mean (d - t)^2), metres
    sq_rel    mean (d - t)^2 / t, metres    rmse_log  sqrt(mean g^2)
    log10     mean |log10 d - log10 t|      silog     100 sqrt(mean g^2 - (mean g)^2)
    delta1..3 share of pixels with max(d / t, t / d) < 1.25, 1.25^2, 1.25^3

(Eigen, Puhrsch, Fergus 2014, NeurIPS, section 4; `silog` as KITTI's benchmark has it: its second term has the weight 1,
so that it is a hundred times the standard deviation of g, 0 for whatever is right but for its scale. As a loss the term
often has .5 or .85.) Each is computed in each picture, then averaged over pictures: papers that pool all pixels first
have other figures, as a picture with more known pixels counts more there. Less is better but for `delta1..3`.

`median` alignment multiplies d by median(t) / median(d) in each picture (Zhou et al. 2017, CVPR). `scale_shift` puts
s d + b in its place, with the least sum of (s d + b - t)^2: the least squares of Ranftl et al. 2020 (TPAMI, section 5),
but of depth, not of its inverse. They tell what is right but for what one picture cannot tell.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_choice, check_number
from .average_precision import image_weights

MEASURES = ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3")
LARGER = ("delta1", "delta2", "delta3")  # of which more is better
ALIGNMENTS = ("none", "median", "scale_shift")
INVALID = (0.0, 65535.0)  # what files have where nothing was measured
LEAST = 1e-3  # metres: an aligned depth is not less
UNITS = MappingProxyType({"sq_rel": "m", "rmse": "m", "silog": "x 100"})


def known_depth(truth: ArrayLike, cap: float | None = None, invalid: Sequence[float] = INVALID) -> np.ndarray:
    """(...) of bool, where a depth counts: a positive number that is none of `invalid`, and no more than `cap`.

    >>> known_depth([0.0, 1.5, np.nan, np.inf, 65535.0, 12.0], cap=10).tolist()
    [False, True, False, False, False, False]
    """
    metres = np.asarray(truth, dtype=np.float64)
    if cap is not None:
        check_number("cap", cap, 0, open_low=True)
    known = np.isfinite(metres) & (metres > 0) & ~np.isin(metres, invalid)
    return known if cap is None else known & (metres <= cap)


def aligned(predicted: ArrayLike, truth: ArrayLike, alignment: str = "none") -> np.ndarray:
    """Predicted depth (n,) brought to the true one's scale, or scale and shift; at least a millimetre.

    Of a predicted depth that is everywhere the same no scale is to be had, and `scale_shift` gives the mean of the
    true one.

    >>> aligned([1.0, 2.0, 4.0], [2.0, 4.0, 8.5], "median").tolist()
    [2.0, 4.0, 8.0]
    >>> aligned([1.0, 2.0, 3.0], [3.0, 5.0, 7.0], "scale_shift").round(9).tolist()
    [3.0, 5.0, 7.0]
    """
    check_choice("alignment", alignment, ALIGNMENTS)
    d, t = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if alignment == "none":
        return d
    if alignment == "median":
        return np.maximum(d * (np.median(t) / np.median(d)), LEAST)
    apart = d - d.mean()
    spread = float((apart**2).sum())
    scale = 0.0 if spread < 1e-12 * float((d**2).sum()) else float((apart * (t - t.mean())).sum()) / spread
    return np.maximum(t.mean() + scale * apart, LEAST)


def depth_errors(
    predicted: ArrayLike,
    truth: ArrayLike,
    *,
    alignment: str = "none",
    cap: float | None = None,
    invalid: Sequence[float] = INVALID,
) -> dict[str, float]:
    """All `MEASURES` of one picture.

    Args:
        predicted: (H, W) metres, above 0 wherever the truth counts.
        truth: (H, W) metres; see `known_depth` for what does not count.
        alignment: none | median | scale_shift.
        cap: metres; what is farther away does not count, and what is predicted to be is taken to be there.
        invalid: depths that stand for none.

    Returns:
        By name; NaN of a picture of which no pixel counts.

    Raises:
        InputError: other sizes, a predicted depth that is no positive number, an unknown alignment.

    Of two pixels, 2 m and 4 m away, that are told to be 3 m away:

    >>> found = depth_errors([[3.0, 3.0]], [[2.0, 4.0]])
    >>> found["abs_rel"], found["rmse"], found["delta2"]
    (0.375, 1.0, 1.0)
    """
    check_choice("alignment", alignment, ALIGNMENTS)
    found, wanted = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if found.shape != wanted.shape:
        raise bad("predicted", f"shape {found.shape}", f"that of the truth, {wanted.shape}")
    there = known_depth(wanted, cap, invalid)
    d, t = found[there], wanted[there]
    if not len(t):
        return dict.fromkeys(MEASURES, float("nan"))
    if not (np.isfinite(d).all() and (d > 0).all()):
        raise bad("predicted", "NaN, infinity, 0 or less", "metres above 0 wherever the true depth is known")
    d = aligned(d, t, alignment)
    if cap is not None:
        d = np.minimum(d, cap)
    apart, g = d - t, np.log(d) - np.log(t)
    ratio = np.exp(np.abs(g))
    return {
        "abs_rel": float(np.mean(np.abs(apart) / t)),
        "sq_rel": float(np.mean(apart**2 / t)),
        "rmse": float(np.sqrt(np.mean(apart**2))),
        "rmse_log": float(np.sqrt(np.mean(g**2))),
        "log10": float(np.mean(np.abs(g)) / np.log(10)),
        "silog": float(100 * g.std()),
        **{f"delta{k}": float(np.mean(ratio < 1.25**k)) for k in (1, 2, 3)},
    }


class DepthScores:
    """Takes pictures one at a time and tells their mean errors, or of any weighting of them.

    Attributes:
        alignment: none | median | scale_shift.
        cap: metres, as `depth_errors` has it.

    >>> scores = DepthScores()
    >>> scores.add([[3.0, 3.0]], [[2.0, 4.0]])
    True
    >>> scores.add([[1.0, 1.0]], [[np.nan, 0.0]])
    False
    >>> scores.images, scores.metrics()["abs_rel"]
    (1, 0.375)
    """

    def __init__(self, alignment: str = "none", cap: float | None = None) -> None:
        self.alignment = check_choice("alignment", alignment, ALIGNMENTS)
        self.cap = cap if cap is None else float(check_number("cap", cap, 0, open_low=True))
        self._rows: list[list[float]] = []

    @property
    def images(self) -> int:
        """How many pictures count."""
        return len(self._rows)

    def add(self, predicted: ArrayLike, truth: ArrayLike) -> bool:
        """One picture (H, W), as `depth_errors`; False where none of its pixels counts, and neither does it."""
        found = depth_errors(predicted, truth, alignment=self.alignment, cap=self.cap)
        if np.isnan(found["abs_rel"]):
            return False
        self._rows.append([found[name] for name in MEASURES])
        return True

    def by_image(self, measure: str = "abs_rel") -> np.ndarray:
        """(images,) one measure of each picture that counts: what an experiment compares."""
        return self._table()[:, MEASURES.index(check_choice("measure", measure, MEASURES))]

    def metrics(self) -> dict[str, float]:
        """Means over pictures; NaN where no picture counts."""
        return {name: float(self.measured(measure=name)[0]) for name in MEASURES}

    def measured(self, weights: ArrayLike | None = None, measure: str = "abs_rel") -> np.ndarray:
        """One measure (b,) in each of b weightings (b, images) of the pictures; NaN where none counts."""
        each = image_weights(weights, self.images)
        whole = each.sum(axis=1)
        return np.divide(each @ self.by_image(measure), whole, out=np.full(len(each), np.nan), where=whole > 0)

    def _table(self) -> np.ndarray:
        return np.array(self._rows, dtype=np.float64).reshape(-1, len(MEASURES))
