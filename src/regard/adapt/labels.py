"""Labels of which some may be unknown: a marker stands for these, never -1, NaN or an empty text."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ..core.checks import bad


class _Unknown:
    """The one object `UNKNOWN`; it stays one through copies and pickles, and sorts after every label."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __reduce__(self) -> str:
        return "UNKNOWN"

    # scikit-learn's splitters sort labels; without an order they would fail on text beside UNKNOWN
    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return other is not self


UNKNOWN = _Unknown()

Labels: TypeAlias = ArrayLike | Sequence[object]  # text, whole numbers or bool, and UNKNOWN among them


def read_labels(argument: str, y: Labels | None, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Tell the known labels from the unknown ones.

    Unknown is what is `UNKNOWN` (or None, as tables have it) in a list or an object array, what is masked in a
    masked array, and everything where `y` is None. Every other value is a label: -1, 0, text, whole numbers with
    gaps, True and False.

    Args:
        argument: what to call `y` in an error.
        y: (n,) labels, or None.
        n: how many there must be.

    Returns:
        Which labels are known, (n,) bool, and those labels in their own type, (number known,).

    Raises:
        InputError: another shape, NaN, numbers with fractions, or a mixture of text and numbers.

    >>> known, labels = read_labels("yt", ["b", UNKNOWN, "a"], 3)
    >>> known.tolist(), labels.tolist()
    ([True, False, True], ['b', 'a'])
    >>> read_labels("yt", [-1, 1], 2)[0].tolist()
    [True, True]
    """
    if y is None:
        return np.zeros(n, bool), np.empty(0, int)
    masked = np.ma.getmaskarray(y).ravel() if isinstance(y, np.ma.MaskedArray) else None
    try:
        # a list keeps its values as they are: numpy alone would turn [1, "a"] into text
        values = column_or_1d(np.asarray(y, dtype=object if isinstance(y, list | tuple) else None), warn=True)
    except ValueError as error:
        raise bad(argument, f"{error}", f"one label for each of the {n} samples, shape ({n},)") from None
    if len(values) != n:
        raise bad(argument, f"{len(values)} labels", f"one label for each of the {n} samples, shape ({n},)")
    known = np.ones(n, bool) if masked is None else ~masked
    if values.dtype == object:
        known &= np.array([value is not UNKNOWN and value is not None for value in values], bool)
    return known, _plain(argument, values[known])


def known_labels(argument: str, y: Labels | None, n: int) -> np.ndarray:
    """The labels (n,), all of which must be known; raises InputError as `read_labels` does, and where one is not."""
    known, labels = read_labels(argument, y, n)
    if not known.all():
        raise bad(argument, f"{int((~known).sum())} UNKNOWN among {n} labels", "labels that are all known")
    return labels


def _plain(argument: str, labels: np.ndarray) -> np.ndarray:
    """The known labels as an array of text, of numbers or of bool; raise for what is no label."""
    if labels.dtype == object:
        kinds = {_kind(label) for label in labels}
        if len(kinds) > 1 or not kinds <= {"text", "number"}:
            raise bad(
                argument,
                "labels that are " + " and ".join(sorted(kinds)),
                "labels that are all text or all whole numbers",
                "Mark an unknown label with regard.adapt.contract.UNKNOWN.",
            )
        labels = np.array(labels.tolist())
    if labels.dtype.kind in "fc" and not np.isfinite(labels).all():
        what = "NaN" if np.isnan(labels).any() else "infinity"
        raise bad(
            argument,
            f"labels among which {what} stands (Input {argument} contains {what})",
            "labels, or UNKNOWN",
            "Mark an unknown label with regard.adapt.contract.UNKNOWN.",
        )
    if len(labels):
        try:
            check_classification_targets(labels)
        except ValueError as error:
            raise bad(argument, f"numbers with fractions ({error})", "classes: text or whole numbers") from None
    return labels


def _kind(label: object) -> str:
    if isinstance(label, str):
        return "text"
    if isinstance(label, bool | int | float | np.number | np.bool_):
        return "number"
    return type(label).__name__
