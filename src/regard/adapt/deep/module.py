"""A network that is being adapted: who of it moves is the method's to say."""

from collections.abc import Sequence
from typing import Any

from ...learning.freezing import Tuned
from ...learning.trainable import Player
from .adapting import Adapting


class Adapted(Tuned):
    """An encoder, a classifier and a method's parts, learning as `DeepMethod.players` says.

    Args:
        given: as `Tuned` takes them; the objective is an `Adapting`.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        moved = {id(parameter) for player in self.players() for parameter in player.parameters}
        for parameter in self.parameters():
            if id(parameter) not in moved:
                parameter.requires_grad_(False)

    def players(self) -> list[Player]:
        """The method's, or at weight 0 the one who learns from the source."""
        objective, [everyone] = self.objective, super().players()
        assert isinstance(objective, Adapting)  # it is made with one
        if not objective.adapts:
            return [everyone]
        parts = self.head["parts"] if "parts" in self.head else None
        found: Sequence[Player] = objective.method.players(everyone, self.encoder.network, parts)
        return list(found)
