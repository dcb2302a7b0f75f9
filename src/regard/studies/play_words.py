"""Figures of a stream that was played, in words: shares and points with their intervals, bytes."""

from ..metrics.contrast import Difference
from ..metrics.intervals import TOO_FEW, Interval


def points(found: Difference) -> str:
    """A difference of shares in points with its interval.

    >>> points(Difference(0.025, 0.01, 0.04, 5))
    '+2.5 points [+1.0, +4.0]'
    """
    return f"{_per_cent(found.mean, '+')} points {_ends(found, '+')}"


def share(found: Interval) -> str:
    """A share in per cent with its interval.

    >>> share(Interval(0.931, 0.9, 0.95, 5))
    '93.1 [90.0, 95.0]'
    """
    return f"{_per_cent(found.mean)} {_ends(found)}" if found.known else _per_cent(found.mean)


def size(count: float) -> str:
    """Bytes for people.

    >>> size(0), size(830), size(12_300), size(34_000_000)
    ('0 B', '830 B', '12.3 kB', '34.0 MB')
    """
    for unit, many in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= many:
            return f"{count / many:.1f} {unit}"
    return f"{count:.0f} B"


def _per_cent(value: float, sign: str = "") -> str:
    """With one digit, and never -0.0.

    >>> _per_cent(-0.0002), _per_cent(0.5, "+")
    ('0.0', '+50.0')
    """
    return f"{round(100 * value, 1) + 0.0:{sign}.1f}"


def _ends(found: Interval, sign: str = "") -> str:
    return f"[{_per_cent(found.low, sign)}, {_per_cent(found.high, sign)}]" if found.known else f"[{TOO_FEW}]"
