"""What held-out scoring found: named numbers, one of which decides."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scores:
    """Named scores of a network as it stands.

    Attributes:
        values: by name.
        main: the name of the one by which the best weights are told.
        higher: whether more of it is better.
    """

    values: Mapping[str, float]
    main: str = "accuracy"
    higher: bool = True

    @property
    def score(self) -> float:
        """The main score."""
        return float(self.values[self.main])

    def better_than(self, other: float | None) -> bool:
        """Whether this one is better than a main score from before; None is none.

        >>> Scores({"error": 0.2}, "error", higher=False).better_than(0.3)
        True
        """
        if other is None:
            return True
        return self.score > other if self.higher else self.score < other

    def with_more(self, values: Mapping[str, float]) -> "Scores":
        """The same with further numbers."""
        return Scores({**self.values, **values}, self.main, self.higher)
