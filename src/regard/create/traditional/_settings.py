"""What fitted tasks share: their settings, and the network of descriptors that these name."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from ...backbones.encoder import make_encoder
from ...backbones.network_encoder import NetworkEncoder
from ...backbones.networks.phow import Phow
from ...core.checks import bad, check_number
from ...representation.pooling._common import Projection
from ...representation.pooling._local import Local, levels_of
from ...representation.pooling._rows import Rows


@dataclass(frozen=True)
class Fitted(ABC):
    """Dense descriptors, principal axes and a vocabulary: fixed, then unsupervised; a classifier on top is a verb's.

    Attributes:
        fitted: marks a task that trains no network.
        needs_labels: no.
        pooling: the pooling whose vocabulary is fitted.
    """

    fitted: ClassVar[bool] = True
    needs_labels: ClassVar[bool] = False
    pooling: ClassVar[str]

    k: int = 64
    dim: int = 64
    scales: str = "4,6,8,10,12"
    step: int = 4
    colour: Literal["grey", "opponent"] = "grey"
    contrast: float = 0.005
    positions: bool = False
    pyramid: str = "1x1"
    descriptors: int = 250_000

    def __post_init__(self) -> None:
        if isinstance(self.scales, int | tuple | list):  # the command line reads 4,6,8 as numbers
            several = [self.scales] if isinstance(self.scales, int) else self.scales
            object.__setattr__(self, "scales", ",".join(map(str, several)))
        for name, least in (("k", 1), ("dim", 1), ("descriptors", 100)):
            check_number(f"--set {name}", getattr(self, name), least, whole=True)
        if self.k > self.descriptors:
            raise bad("--set k", self.k, f"at most as many as descriptors ({self.descriptors})", "Give more of these.")
        levels_of(self.pyramid)
        self.network()

    def network(self) -> Phow:
        """The descriptors."""
        return Phow(**self.arguments())

    def arguments(self) -> dict[str, Any]:
        """The network's settings as `config.json` holds them."""
        sides = [one.strip() for one in str(self.scales).split(",")]
        if not all(one.isdigit() for one in sides):
            raise bad("--set scales", repr(self.scales), "sides of a bin in pixels", "For example 4,6,8,10,12.")
        return {
            "scales": [int(one) for one in sides],
            "step": self.step,
            "colour": self.colour,
            "contrast": self.contrast,
        }

    def encoder(self, size: int) -> NetworkEncoder:
        """The same for pictures of so many pixels a side."""
        plain = make_encoder("phow", size=size)
        return NetworkEncoder(plain.name, self.network(), plain.config | {"model_args": self.arguments()}, size)

    def form(self) -> Local:
        """How maps are read: places without structure do not count."""
        return Local(per_cell=self.network().per_cell, positions=self.positions, skip_blank=True, pyramid=self.pyramid)

    @abstractmethod
    def fit(
        self, rows: Rows, held_out: Rows, projection: Projection | None, seed: int, device: str
    ) -> tuple[Any, dict[str, float], int]:
        """The pooling with its vocabulary, its scores, and how many steps it took.

        Args:
            rows: descriptors (M, d), projected.
            held_out: of images that are held out.
            projection: what they were projected by.
            seed: draws the first centres.
            device: where products are computed.
        """

    def as_dict(self) -> dict[str, Any]:
        """For the card."""
        return asdict(self)
