"""What `regard.create` gives: a representation for each task, and how they compare."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..report.html import Table
from ..representation.representation import Representation
from ._given import told_aside
from ._result import Result

COLUMNS = (
    "accuracy",
    "map",
    "untrained_accuracy",
    "chance",
    "p_value",
    "shuffled_accuracy",
    "online_knn",
    "feature_spread",
    "effective_rank",
)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Created(Result):
    """Representations that were learnt, one for each task.

    Attributes:
        out: the folder of the run, or with several tasks the folder of the runs.
        backbone: the network.
        representations: by task.
        pages: by task, of those that name classes: mistakes, calibration, leaks.
    """

    verb: ClassVar[str] = "create"
    out: Path
    backbone: str
    representations: Mapping[str, Representation]
    pages: Mapping[str, Path] = field(default_factory=dict)

    @property
    def representation(self) -> Representation:
        """The one that was learnt; with several tasks the first."""
        return next(iter(self.representations.values()))

    @property
    def cards(self) -> dict[str, Mapping[str, Any]]:
        """How each was made, at what cost, and what it scored."""
        return {name: one.card for name, one in self.representations.items()}

    def told(self) -> Mapping[str, object]:
        """The card, or the cards by task."""
        cards = self.cards
        told = {"out": self.out, **({"card": self.representation.card} if len(cards) == 1 else {"cards": cards})}
        return told | ({"pages": self.pages} if self.pages else {})

    def shown(self) -> Iterator[str | Table]:
        """The figures, or with several tasks a line for each, and what was set aside."""
        cards, first = self.cards, self.representation.card
        if len(cards) == 1:
            title = f"{first['made_by']}, {self.backbone}: {self.out}"
            yield Table(["figure", "value"], list(self.metrics.items()), title)
        else:
            known = [name for name in COLUMNS if any(name in card["scores"] for card in cards.values())]
            rows = [
                [name, *(card["scores"].get(one) for one in known), card["cost"]["seconds"]]
                for name, card in cards.items()
            ]
            title = f"{first['data']['trained_on']} images, {self.backbone}: {self.out}"
            yield Table(["task", *known, "seconds"], rows, title)
        for note in self.notes:
            yield f"note: {note}"
        yield from told_aside(self.set_aside, "card.json")
        for page in self.pages.values():
            yield f"page: {page}"
