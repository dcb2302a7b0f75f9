"""What arms reached against the minutes that they took, as inline SVG (see `_style` for how it looks)."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..core.checks import bad
from ..metrics.intervals import Interval
from .cost_drawn import Point, against_cost

LEAST = 0.01  # minutes; what took less is drawn there, as a logarithmic axis has no 0


@dataclass(frozen=True)
class Spent:
    """A point: what an arm reached, and how long that took.

    Attributes:
        name: of the arm.
        minutes: of its pretraining and of what was learned after it; without pretraining where that is not known.
        reached: its score.
        whole: whether the minutes are all that it took; else the point is hollow.
    """

    name: str
    minutes: float
    reached: Interval
    whole: bool


def against_minutes(points: Sequence[Spent], alt: str, *, y: str = "accuracy", percent: bool = True) -> Markup:
    """Draw a point for each arm, with its interval, on a logarithmic axis of minutes.

    Args:
        points: one for each arm, in the order of its colour.
        alt: what the picture shows, for readers who cannot see it.
        y: name of the vertical axis.
        percent: scores are shares.

    Raises:
        InputError: no points.
    """
    if not points:
        raise bad("points", "none", "at least one to draw")
    drawn = [Point(one.name, one.minutes, one.reached, one.whole) for one in points]
    return against_cost(drawn, alt, x="minutes", y=y, least=LEAST, percent=percent)
