"""What a ground truth says of a query: what should be found, and what counts neither way."""

from dataclasses import dataclass, field
from typing import Any

Box = tuple[float, float, float, float]
GRADES = ("easy", "hard", "junk")


@dataclass(frozen=True)
class Query:
    """An image to search with, what should be found (`positives`), and what counts neither way (`junk`).

    `box` is x1, y1, x2, y2 in pixels where a part of the image is the query; `name` is the query's own, where the data
    set gives one beside the image's.
    """

    image: str
    positives: list[str]
    junk: list[str] = field(default_factory=list)
    box: Box | None = None
    name: str = ""


@dataclass(frozen=True)
class GradedQuery:
    """As `Query`, with the positives in two grades; the lists hold names, or places in a list of images."""

    image: str
    easy: list[Any]
    hard: list[Any]
    junk: list[Any]
    box: Box | None = None

    @property
    def positives(self) -> list[Any]:
        """Easy and hard together."""
        return [*self.easy, *self.hard]


@dataclass(frozen=True)
class Revisited:
    """The collection's images, and queries whose lists hold places in it."""

    images: list[str]
    queries: list[GradedQuery]


@dataclass(frozen=True)
class Boxes:
    """Who is on each image and by which camera it was taken, all (n,)."""

    names: list[str]
    identities: list[int]
    cameras: list[int]
