"""Two grey pictures brought to one blur and one scale of tones, so that what is left is what they show."""

import numpy as np

CELL = 16  # pixels a side
_SURE = 0.8  # correlation of the cell about a pixel


def same_blur(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as blurred as the more blurred one, judged by the strength of their finest detail."""
    import cv2

    def fine(part: np.ndarray) -> float:
        return float(np.abs(part - cv2.GaussianBlur(part, (0, 0), 1.0)).mean() / max(part.std(), 1e-6))

    soft, sharp = (one, two) if fine(one) < fine(two) else (two, one)
    wanted, best = fine(soft), sharp
    for sigma in (0.7, 1.0, 1.5, 2.0, 3.0):
        blurred = cv2.GaussianBlur(sharp, (0, 0), sigma)
        if fine(blurred) < wanted:
            break
        best = blurred
    return (soft, best) if soft is one else (best, soft)


def same_tones(one: np.ndarray, two: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The one with less contrast brought to the other's levels by a rising curve through medians.

    Where structure agrees, the tones belong together; a level that is found nowhere there counts with all its pixels,
    a tenth as much: a caption would bend the curve otherwise.
    """
    from sklearn.isotonic import isotonic_regression

    x, y, sure = one[covered], two[covered], _likeness(one, two)[covered] > _SURE
    flipped = x.std() > y.std()
    if flipped:
        x, y = y, x
    step = max(1, len(x) // 50_000)
    x, y, sure = x[::step], y[::step], sure[::step]
    edges = np.unique(np.quantile(x, np.linspace(0, 1, 33)))
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, max(0, len(edges) - 2))
    centres, medians, counts = [], [], []
    for level in np.unique(place).tolist():
        here = place == level
        trusted = here & sure
        chosen = trusted if trusted.sum() * 20 >= here.sum() else here
        centres.append(float(np.median(x[chosen])))
        medians.append(float(np.median(y[chosen])))
        counts.append(float(chosen.sum()) * (1.0 if chosen is trusted else 0.1))
    curve = isotonic_regression(medians, sample_weight=counts)
    # beyond the outermost medians, the curve goes on as steeply as it does in all
    slope = (curve[-1] - curve[0]) / max(centres[-1] - centres[0], 1e-6) if len(centres) > 1 else 1.0

    def brought(values: np.ndarray) -> np.ndarray:
        inside = np.interp(values, centres, curve)
        beyond = np.minimum(values - centres[0], 0) + np.maximum(values - centres[-1], 0)
        return np.clip(inside + slope * beyond, 0, 255).astype(np.float32)

    return (one, brought(two)) if flipped else (brought(one), two)


def _likeness(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Correlation of the cell about each pixel; 0 where one of the two is flat."""
    import cv2

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, -1, (CELL, CELL), borderType=cv2.BORDER_REPLICATE)

    mean_one, mean_two = mean(one), mean(two)
    spreads = (mean(one * one) - mean_one**2) * (mean(two * two) - mean_two**2)
    return np.where(spreads > 16, (mean(one * two) - mean_one * mean_two) / np.sqrt(np.maximum(spreads, 16)), 0)
