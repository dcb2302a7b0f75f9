"""One place for the shape of error messages: the argument, what came, what was expected, what to do.

Checks stand at the public edge only; inside, code trusts its callers.
"""

import difflib
import os
from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from .leftovers import empty


class InputError(ValueError):
    """An argument or the data cannot be used; the command line ends with status 2."""


class RunError(RuntimeError):
    """A run started well and failed (NaN, collapse, no space); the command line ends with status 1."""


def bad(argument: str, got: object, expected: str, fix: str = "") -> InputError:
    """Build the error that every check raises: what came, what was expected, what to do.

    >>> print(bad("k", 0, "a whole number of at least 1", "Give --k 5."))
    k: expected a whole number of at least 1, got 0. Give --k 5.
    """
    return InputError(f"{argument}: expected {expected}, got {got}." + (f" {fix}" if fix else ""))


MANY = 12  # choices that a message lists; of more it names the nearest alone
NEAR = 5


def check_choice(argument: str, value: str, choices: Iterable[str], *, see: str = "") -> str:
    """Return `value` if it is one of `choices`, else raise: with all where these are few, else with the nearest.

    `see` is the command that lists them, which is named where the message does not.

    >>> check_choice("--method", "coral", ["coral", "subspace"])
    'coral'
    >>> check_choice("--method", "corral", ["coral", "subspace"])
    Traceback (most recent call last):
    regard.core.checks.InputError: --method: expected one of coral, subspace, got 'corral'. Did you mean 'coral'?
    >>> check_choice("backbone", "resnet19", ["resnet18", *(f"mixer_{n}" for n in range(90))])
    Traceback (most recent call last):
    regard.core.checks.InputError: backbone: expected one of 91 names, got 'resnet19'. Did you mean 'resnet18'?
    """
    known = list(choices)
    if value in known:
        return value
    text = str(value)
    got = repr(text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)")
    near = nearest_names(text, known)
    few = len(known) <= MANY and sum(map(len, known)) <= 300
    if not known:
        raise bad(argument, got, "a name (none is available)")
    if few:
        fix = f"Did you mean {near[0]!r}?" if near else ""
        raise bad(argument, got, "one of " + ", ".join(known), fix)
    # far from all of them some still say what a name looks like
    fix = "Did you mean " + " or ".join(", ".join(map(_short, near)).rsplit(", ", 1)) + "?" if near else ""
    fix = fix or f"For example: {', '.join(map(_short, known[:NEAR]))}."
    raise bad(argument, got, f"one of {len(known)} names", fix + (f" All of them: {see}." if see else ""))


def nearest_names(name: str, known: Iterable[str], count: int = NEAR) -> list[str]:
    """At most so many of the known names that are nearest to a name, whatever the case of its letters.

    >>> nearest_names("Resnet_18", ["resnet18", "resnet34", "vgg16"])
    ['resnet18', 'resnet34']
    """
    given: dict[str, str] = {}
    for one in known:
        given.setdefault(one.lower(), one)
    return [given[one] for one in difflib.get_close_matches(name[:100].lower(), given, count)]


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:57]}...")


def check_number(
    argument: str,
    value: Any,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    whole: bool = False,
    open_low: bool = False,
) -> Any:
    """Return `value` if it is a number in [low, high] (or (low, high] with `open_low`), else raise.

    >>> check_number("--steps", 3, 1, whole=True)
    3
    """
    kind = "a whole number" if whole else "a number"
    if open_low:
        span = f"{kind} above {low:g}" + ("" if high == np.inf else f" and at most {high:g}")
    elif low == -np.inf and high == np.inf:
        span = kind
    elif high == np.inf:
        span = f"{kind} of at least {low:g}"
    else:
        span = f"{kind} from {low:g} to {high:g}"
    right_type = isinstance(value, int | np.integer) if whole else isinstance(value, int | float | np.number)
    if isinstance(value, bool) or not right_type or not np.isfinite(value):
        raise bad(argument, repr(value), span)
    if value < low or value > high or (open_low and value == low):
        raise bad(argument, value, span)
    return value


def check_matrix(argument: str, X: Any, *, min_rows: int = 1, columns: int | None = None) -> np.ndarray:
    """Return X as a finite float array (n, d) without changing the caller's, else raise.

    float32 stays float32; everything else becomes float64. Sparse input is refused with a message, and so is what
    numpy would turn into other numbers or read as numbers: complex numbers, dates, text.
    """
    if hasattr(X, "toarray"):
        raise bad(argument, "a sparse matrix", "a dense array (n, d)", "Pass X.toarray().")
    try:
        array = np.asarray(X)
    except (TypeError, ValueError) as error:
        raise bad(argument, type(X).__name__, "an array of numbers (n, d)") from error
    odd = _no_number(array)
    if odd:
        raise bad(argument, f"{type(X).__name__} with {odd}", "an array of numbers (n, d)")
    if array.dtype != np.float32:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is told below
            array = array.astype(np.float64)
    if array.ndim != 2:
        raise bad(
            argument,
            f"shape {array.shape}",
            "an array (n, d)",
            "One sample is X[None]; images go through embed() first.",
        )
    if columns is not None and array.shape[1] != columns:
        raise bad(
            argument,
            f"{array.shape[1]} features",
            f"{columns} features, as the other domain or the fitted data have",
            "Embed both with the same representation.",
        )
    if len(array) < min_rows or array.shape[1] < 1:
        raise bad(argument, f"shape {array.shape}", f"at least {min_rows} rows and 1 column")
    wrong = ~np.isfinite(array)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise bad(
            argument,
            f"NaN or infinity in {int(wrong.any(axis=1).sum())} of {len(array)} rows (first: row {row})",
            "finite numbers",
            "Drop or repair these rows.",
        )
    return array


def _no_number(array: np.ndarray) -> str:
    """What an array holds that is no real number and that numpy would convert nevertheless; empty text if nothing."""
    if array.dtype.kind != "O":
        kinds = {"c": "complex numbers", "M": "dates", "m": "spans of time", "U": "text", "S": "bytes", "V": "records"}
        return kinds.get(array.dtype.kind, "")
    odd = [type(value).__name__ for value in array.ravel().tolist() if not isinstance(value, Real | Decimal | np.bool_)]
    return f"a {odd[0]}" if odd else ""


def check_labels(argument: str, y: Any, n: int, *, min_classes: int = 1) -> np.ndarray:
    """Return y as an array (n,) with at least `min_classes` different values and no gap (NaN, None), else raise."""
    labels = np.asarray(y)
    if labels.ndim != 1 or len(labels) != n:
        raise bad(argument, f"shape {labels.shape}", f"one label for each of the {n} samples, shape ({n},)")
    if labels.dtype.kind == "O":
        gaps = sum(value is None or (isinstance(value, float) and value != value) for value in labels.tolist())
    else:
        gaps = int((labels != labels).sum()) if labels.dtype.kind in "fcmM" else 0
    if gaps:
        raise bad(argument, f"{gaps} of {n} samples without a label (NaN or None)", "a label for each", "Drop these.")
    if labels.dtype.kind in "cV":
        raise bad(argument, f"labels of type {labels.dtype}", "text or whole numbers")
    try:
        classes = np.unique(labels)
    except TypeError:
        kinds = sorted({type(value).__name__ for value in labels.tolist()})
        raise bad(argument, f"labels of kinds that do not compare ({', '.join(kinds[:4])})", "one kind") from None
    if len(classes) < min_classes:
        raise bad(
            argument,
            f"{len(classes)} class ({', '.join(map(str, classes[:3]))})",
            f"at least {min_classes} classes",
            "Is the folder one level too deep or too high? Each class is a folder of its own.",
        )
    return labels


def check_path(argument: str, path: str | Path, *, folder: bool | None = None) -> Path:
    """Return the path if it exists (and is a folder, or a file, where asked), else raise."""
    found = Path(path).expanduser()
    kind = {True: "a folder", False: "a file", None: "a file or folder"}[folder]
    if not os.path.exists(found):  # which is so of names that no file can have, too
        beside = [p.name for p in found.parent.iterdir()] if os.path.isdir(found.parent) else []
        near = nearest_names(found.name[:300], beside, 1)
        raise bad(
            argument,
            f"{str(path)[:4096]!r}, which does not exist",
            f"{kind} that exists",
            f"Did you mean {str(found.parent / near[0])!r}?" if near else "",
        )
    if folder is not None and not (found.is_dir() if folder else found.is_file()):  # a pipe could be waited for
        raise bad(argument, repr(str(path)), kind)
    return found


def check_output(
    argument: str, path: str | Path, *suffixes: str, folder: bool = False, marker: str | None = None
) -> Path:
    """Return the path if a result can be written there, else raise: to be asked before the work that it would hold.

    Args:
        argument: what to call it in messages.
        path: of the file or folder; it need not exist, and nothing is made.
        suffixes: the endings that the file may have; any, if none is given.
        folder: a folder is to be written, not a file.
        marker: the file by which such a folder is known: one that holds other files but not this is refused.

    Raises:
        InputError: another ending, a folder for a file or the other way round, a file among the folders on the way,
            a folder that must not be written to, somebody's other files.
    """
    found, text = Path(path).expanduser(), repr(str(path))
    if suffixes and found.suffix.lower() not in suffixes:
        raise bad(argument, text, f"a file that ends in {' or '.join(suffixes)}")
    above = found
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    if above != found and not above.is_dir():
        raise bad(argument, f"{text}, of which {str(above)!r} is a file", "a place inside a folder")
    if above == found and found.is_dir() != folder:
        raise bad(
            argument, f"{text}, which is a {'folder' if found.is_dir() else 'file'}", "a folder" if folder else "a file"
        )
    place = above if above != found or folder else found.parent
    if not os.access(place, os.W_OK):
        raise bad(argument, f"{text}, where {str(place)!r} must not be written to", "a place that can be written to")
    # what a killed run left is no other file, also where it was killed before it wrote its first
    if folder and marker and above == found and not empty(found) and not (found / marker).exists():
        raise InputError(f"{argument}: {text} holds other files. Name a new or empty folder.")
    return Path(path)
