"""How a representation makes one vector of an image's last map, where it is not by the network's own average.

A pooling by name with its settings and, where it was learned, its vocabulary; at one size of the image or several.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..backbones.encoder import Encoder
from ..core.checks import bad, check_choice, check_number
from ..core.discover import load, names
from .pooling import multi_scale

LEARNED = ("vlad", "fisher", "bag_of_words")  # poolings that need a vocabulary, which their `fit` learns


@dataclass(frozen=True, eq=False)
class Pooled:
    """A pooling of the last map.

    Attributes:
        name: of the pooling (`regard methods pooling`), or of one that is not saved.
        method: its `Method`, with settings and vocabulary, or a function of maps with a `state` as here.
        scales: factors of the image's side; see `multi_scale`.
    """

    name: str
    method: Any
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not self.scales:
            raise bad("--scales", "none", "at least one factor", "Give 1.")
        for scale in self.scales:
            check_number("--scales", scale, 0, 16, open_low=True)

    @staticmethod
    def of(name: str, settings: Mapping[str, Any] | None = None, scales: Sequence[float] = (1.0,)) -> "Pooled":
        """A pooling that needs no fit, by name.

        Raises:
            InputError: unknown name or setting, or a pooling that has to be learned (`vlad.fit`, `fisher.fit`).
        """
        check_choice("--pooling", name, names("pooling"))
        if name in LEARNED:
            raise bad("--pooling", f"{name} without a vocabulary", f"what {name}.fit learned from maps")
        kind = load("pooling", name)
        for setting in settings or {}:
            check_choice("--set", setting, [one.name for one in fields(kind) if one.name != "whiten"])
        made = Pooled(name, kind(**(settings or {})), tuple(map(float, scales)))
        made.method(torch.ones(1, 1, 2, 2))  # settings are checked where they are used
        return made

    def __call__(self, encoder: Encoder, x_NCHW: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [0, 1] to vectors (N, D)."""
        if self.scales == (1.0,):
            return self.method(encoder.last_map(x_NCHW))
        # vectors of GeM are positive, and its own mean is the paper's choice; others may have both signs
        return multi_scale(encoder.last_map, x_NCHW, self.scales, self.method, 3.0 if self.name == "gem" else 1.0)

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What JSON can hold of it, and its tensors."""
        if hasattr(self.method, "state"):
            settings, tensors = self.method.state()
            return {"name": self.name, "settings": settings, "scales": list(self.scales)}, tensors
        known = fields(self.method)
        own = {one.name: getattr(self.method, one.name) for one in known}
        for one in known:  # a field that folders of before do not have is told where it is not as before
            if one.metadata.get("later") and own[one.name] == one.default:
                del own[one.name]
        tensors = {name: value for name, value in own.items() if isinstance(value, Tensor)}
        settings = {name: value for name, value in own.items() if name not in tensors and value is not None}
        for name, value in settings.items():
            if not isinstance(value, bool | int | float | str):
                raise bad(f"{name} of {self.name}", type(value).__name__, "a setting that can be written down")
        return {"name": self.name, "settings": settings, "scales": list(self.scales)}, tensors

    @staticmethod
    def from_state(card: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Pooled":
        """The pooling whose `state` this was; raises InputError where it is damaged."""
        try:
            kind = load("pooling", str(card["name"]))
            return Pooled(card["name"], kind(**card["settings"], **tensors), tuple(map(float, card["scales"])))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise bad("pooling", f"{card!r:.80} ({error})", "name, settings and scales as they were saved") from error
