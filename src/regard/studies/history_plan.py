"""What of the line is measured, and the one budget that all networks get."""

from dataclasses import dataclass

from ..backbones.encoder import make_encoder
from ..core.checks import bad, check_number
from ..core.runtime import check_training_precision, pick_device
from ..data.imageset import ImageSet
from ..learning.look import look, pick_size
from ..learning.settings import TrainSettings
from ..representation.processor import features
from .history_years import Row

STEPS, BATCH, RATES = 600, 64, (2e-3, 5e-4)
SHORT = 4  # a rate is tried for a part of so many of the steps
FEWEST = 20  # steps of such a trial
DESCRIPTORS = 50_000  # that a vocabulary is fitted to: 200 for each word, 800 for each Gaussian
HELD_OUT = 0.1  # of TRAIN, on which rates are judged
RANDOM, IMAGENET = "random", "imagenet"
REFERENCES = (RANDOM, IMAGENET)


@dataclass(frozen=True)
class Plan:
    """Rows, and the budget that is the same for all networks.

    Attributes:
        rows: in the published order.
        references: some of `REFERENCES`, which are no part of the order.
        seeds: how often everything is done: with other first weights, orders, views, vocabularies.
        seed: the first.
        steps: of each network; None where `minutes` are given.
        minutes: of each network on this machine; None where `steps` are given.
        batch: pictures a step.
        rates: highest learning rates, one of which is chosen for each network on a part of TRAIN.
        size: side of the pictures in pixels.
        precision: fp32 or bf16, of all trainings.
        device: where they run.
    """

    rows: tuple[Row, ...]
    references: tuple[str, ...]
    seeds: int
    seed: int
    steps: int | None
    minutes: float | None
    batch: int
    rates: tuple[float, ...]
    size: int
    precision: str
    device: str

    def __post_init__(self) -> None:
        check_number("--seeds", self.seeds, 1, 100, whole=True)
        check_number("--seed", self.seed, 0, whole=True)
        check_number("--batch", self.batch, 2, whole=True)
        if (self.steps is None) == (self.minutes is None):
            raise bad("--steps, --minutes", "both or none", "one of the two")
        if self.steps is not None:
            check_number("--steps", self.steps, 1, whole=True)
        if self.minutes is not None:
            check_number("--minutes", self.minutes, 0, open_low=True)
        for rate in self.rates:
            check_number("--lr", rate, 0, 1, open_low=True)
        if not self.rates or len(set(self.rates)) < len(self.rates):
            raise bad("--lr", list(self.rates), "one rate or several, each once")
        if not self.networks:
            raise bad("--networks", "none", "one at least")

    @property
    def turns(self) -> range:
        """The seeds."""
        return range(self.seed, self.seed + self.seeds)

    @property
    def networks(self) -> tuple[str, ...]:
        """The rows that are trained."""
        return tuple(row.name for row in self.rows if row.entry is not None and row.entry.scaled)

    @property
    def names(self) -> tuple[str, ...]:
        """All rows, then the references."""
        return (*(row.name for row in self.rows), *self.references)

    def seeds_of(self, name: str) -> range:
        """The seeds of a row; of weights from outside there is one."""
        return range(self.seed, self.seed + 1) if name == IMAGENET else self.turns

    @property
    def budget(self) -> dict[str, object]:
        """What decides the numbers beside rows, seeds and pictures; a folder holds one of it."""
        return {
            "steps": self.steps,
            "minutes": self.minutes,
            "batch": self.batch,
            "rates": list(self.rates),
            "size": self.size,
            "precision": self.precision,
            "first seed": self.seed,
        }

    def settings(self, seed: int, rate: float, short: bool = False) -> TrainSettings:
        """Those of one training; a short one is for choosing the rate."""
        steps, minutes = self.steps, self.minutes
        if short:
            steps = None if steps is None else min(steps, max(steps // SHORT, FEWEST))
            minutes = None if minutes is None else minutes / SHORT
        return TrainSettings(
            steps=steps,
            minutes=minutes,
            batch=self.batch,
            lr=rate,
            seed=seed,
            device=self.device,
            precision=self.precision,
            eval_every=steps or 10**9,  # the last step is scored in any case
        )


def checked_networks(plan: Plan) -> None:
    """Build each network once, so that a size that one cannot take is told before anything is trained.

    Raises:
        InputError: names the network and the sizes that it takes.
    """
    for name in plan.networks:
        make_encoder(name, size=plan.size)


def side_for(images: ImageSet) -> int:
    """The side of the input for these pictures: 32, 64, 128 or 224 pixels."""
    return pick_size(look(images).side)


def settled_precision(precision: str, device: str) -> str:
    """Resolve auto | fp32 | bf16 to fp32 or bf16, by what the machine has and not by a clock, so that runs repeat.

    Raises:
        InputError: another word.
    """
    check_training_precision(precision)
    if precision != "auto":
        return precision
    where = pick_device(device)
    if where.startswith("cuda"):
        import torch

        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if where == "cpu" and "bf16" in features() else "fp32"
