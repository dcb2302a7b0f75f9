"""Pairs of domains that need no download: labelled source images, unlabelled target images, and test images.

| name | source | target |
|---|---|---|
| `rendered-digits` | digits drawn with fonts, 8x8 | handwritten digits |
| `digits-photos` | handwritten digits, 32x32 | digits blended with photographs, as in MNIST-M |
| `digits-corrupted` | handwritten digits, 32x32 | digits corrupted by one of 15 each, severity 5 |
| `digits-corrupted:NAME:SEVERITY` | the same | digits with this corruption |

No digit is in two of the three parts, whatever it looks like there: each is a third of scikit-learn's, by a hash of its
id. So nothing of a test picture has been seen, and no target picture has its label in the source.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.checks import bad, check_choice, check_number
from .blended import SIDE, digits_photos
from .corrupted import MIXED, PREFIX, corrupted_images, read_name
from .handwritten import digits
from .imageset import ImageSet, concatenate
from .rendered import rendered_digits
from .sampling import split

_SEVERITY = 5  # of `digits-corrupted`
_CORRUPTED = "digits-corrupted"


@dataclass(frozen=True)
class Pair:
    """Two domains of one task.

    Attributes:
        name: as `pair` was asked for it.
        source: labelled images.
        target: images of the other domain, without labels.
        test: other images of the target's domain, with labels to score with.
        target_labelled: `target` with its labels, for a ceiling and for few labels; no method of adaptation sees it.
    """

    name: str
    source: ImageSet
    target: ImageSet
    test: ImageSet
    target_labelled: ImageSet


def pair(name: str, seed: int = 0) -> Pair:
    """One of the pairs, by its name; another seed draws other parts, other pictures of print, other blends.

    >>> found = pair("digits-photos")
    >>> len(found.source), len(found.target), len(found.test), found.target.labels
    (602, 596, 599, None)

    Raises:
        InputError: an unknown name, corruption or severity.
    """
    check_number("seed", seed, 0, whole=True)
    base, colon, rest = str(name).partition(":")
    if base != _CORRUPTED or not colon:
        return _PAIRS[check_choice("name", name, pair_names())](seed)
    if rest.count(":") != 1:
        raise bad("name", repr(name), f"{_CORRUPTED}:NAME:SEVERITY", f"For example {_CORRUPTED}:fog:3.")
    kind, severity, _ = read_name(f"{PREFIX}{rest}:digits", "name")
    return _digits_corrupted(seed, kind, severity)


def pair_names() -> list[str]:
    """The names that `pair` knows, sorted; `digits-corrupted` may be followed by a corruption and a severity."""
    return sorted(_PAIRS)


def _rendered_digits(seed: int) -> Pair:
    written = digits()
    test = _part(written, 2, seed, "test")
    target = concatenate([_part(written, number, seed, "target") for number in (0, 1)], "digits (target)")
    return Pair("rendered-digits", rendered_digits(seed=seed), target.without_labels(), test, target)


def _digits_photos(seed: int) -> Pair:
    return _of_digits("digits-photos", digits_photos(seed=seed), seed)


def _digits_corrupted(seed: int, kind: str = MIXED, severity: int = _SEVERITY) -> Pair:
    name = _CORRUPTED if (kind, severity) == (MIXED, _SEVERITY) else f"{_CORRUPTED}:{kind}:{severity}"
    return _of_digits(name, corrupted_images(digits(SIDE), kind, severity, seed), seed)


def _of_digits(name: str, other: ImageSet, seed: int) -> Pair:
    """A third of the digits as they are, and the two others as they are in the other domain."""
    target = _part(other, 1, seed, "target")
    source = _part(digits(SIDE), 0, seed, "source")
    return Pair(name, source, target.without_labels(), _part(other, 2, seed, "test"), target)


def _part(images: ImageSet, number: int, seed: int, called: str) -> ImageSet:
    """One of the three thirds, of the digits themselves or of what was made of them."""
    rest, third = split(digits(), 1 / 3, seed)
    first, second = split(rest, 1 / 2, seed)
    kept = (first, second, third)[number].ids
    return images.subset(np.isin(images.columns.get("identity", images.ids), kept), f"{images.name} ({called})")


_PAIRS: dict[str, Callable[[int], Pair]] = {
    "digits-corrupted": _digits_corrupted,
    "digits-photos": _digits_photos,
    "rendered-digits": _rendered_digits,
}
