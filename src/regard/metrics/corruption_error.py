"""How many mistakes corruptions cause: the mean corruption error (Hendrycks and Dietterich, ICLR 2019)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_number

Errors = Mapping[str, ArrayLike]  # by corruption, one error in [0, 1] for each severity


def mean_corruption_error(
    errors: Errors,
    baseline: Errors | None = None,
    *,
    clean: float | None = None,
    baseline_clean: float | None = None,
) -> float:
    """mCE: the mean over corruptions c of sum_s E[s, c] / sum_s B[s, c], of another method's errors B.

    Corruptions differ in how hard they are, which is what the baseline is for; the paper's is AlexNet. 1 means as many
    mistakes as it makes. Without a baseline: the mean of the errors themselves.

    Args:
        errors: shares of wrong answers, by corruption and severity.
        baseline: the same of what is compared with, on the same corrupted pictures.
        clean: the error on clean pictures, which is then taken off every error: the relative mCE, of what corruption
            adds.
        baseline_clean: likewise of the baseline; goes with `clean`.

    Raises:
        InputError: no corruption, other corruptions or severities than the baseline's, errors outside [0, 1], a
            baseline that makes no mistakes under a corruption (or, relative, none more).

    >>> ours, other = {"fog": [0.1, 0.3], "snow": [0.2, 0.2]}, {"fog": [0.2, 0.6], "snow": [0.2, 0.6]}
    >>> mean_corruption_error(ours), mean_corruption_error(ours, other)
    (0.2, 0.5)
    >>> mean_corruption_error(ours, other, clean=0.1, baseline_clean=0.2)
    0.5
    """
    if not errors:
        raise bad("errors", "none", "errors of at least one corruption")
    if (baseline_clean is None) != (baseline is None or clean is None):
        raise bad("baseline_clean", baseline_clean, "the baseline's error on clean pictures, beside clean and baseline")
    ours = _above("errors", errors, clean, "clean")
    if baseline is None:
        return float(np.mean([values.mean() for values in ours.values()]))
    theirs = _above("baseline", baseline, baseline_clean, "baseline_clean")
    if {name: len(one) for name, one in ours.items()} != {name: len(one) for name, one in theirs.items()}:
        raise bad("baseline", f"errors of {', '.join(theirs)}", f"those of {', '.join(ours)}, as many of each")
    for name, values in theirs.items():
        if values.sum() <= 1e-12:
            more = "" if clean is None else " more than on clean pictures"
            raise bad("baseline", f"no mistakes{more} under {name}", "some, as they are divided by", "Leave it out.")
    return float(np.mean([values.sum() / theirs[name].sum() for name, values in ours.items()]))


def _above(argument: str, errors: Errors, clean: float | None, its: str) -> dict[str, np.ndarray]:
    """Errors, checked, less that on clean pictures where it is given."""
    off = 0.0 if clean is None else float(check_number(its, clean, 0, 1))
    found = {}
    for name, given in errors.items():
        values = np.asarray(given, dtype=np.float64)
        if values.ndim != 1 or not len(values) or not ((values >= 0) & (values <= 1)).all():
            raise bad(argument, f"{name}: {given!r}", "shares of wrong answers in [0, 1], one for each severity")
        found[name] = values - off
    return found
