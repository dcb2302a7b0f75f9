"""The cells of a comparison, worked out seed by seed and way by way; what is known already is read."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ....core.checks import InputError, RunError
from ....core.events import Event
from ....core.storage import hash_json
from ....representation.embed import embed
from ....representation.embeddings import Embeddings
from ...contract import ShallowAdapter
from ...deep.arms import Arm
from ...deep.contract import DeepMethod
from ...deep.training import SOURCE_ONLY
from ..comparison import BASELINES
from ..trials import Draw
from .cells import Cell, Cells
from .found import FINETUNED, FINETUNED_AND_LABELS, ORACLE
from .networks import Networks, Training
from .shallow import shallow_cell
from .sides import Sides

Making = Generator[Event, None, Cell]


@dataclass(eq=False)
class Work:
    """What is to be worked out.

    Attributes:
        training: how networks are trained.
        sides: both domains and the draws.
        vectors: of both, by the frozen representation.
        shallow: estimators by name, those without a method first.
        deep: methods by name, each at its weights.
        forgiving: kinds of which a method that cannot be run is left out with a note: shallow, deep.
        varied: whether each draw has samples of its own; else what draws nothing is worked out once.
        ceiling: whether a network learns from target labels.
        cells: where they are kept.
        folder: of the networks.
        left_out: why a row is not there, by its name.
    """

    training: Training
    sides: Sides
    vectors: tuple[Embeddings, Embeddings]
    shallow: Mapping[str, ShallowAdapter]
    deep: Mapping[str, Mapping[str, DeepMethod]]
    forgiving: frozenset[str]
    varied: bool
    ceiling: bool
    cells: Cells
    folder: Path
    left_out: dict[str, str] = field(default_factory=dict)
    done: int = 0

    @property
    def on_tuned(self) -> dict[str, ShallowAdapter]:
        """The shallow methods, which are tried on the features of the fine-tuned network too."""
        return {name: one for name, one in self.shallow.items() if name not in BASELINES}

    @property
    def few(self) -> bool:
        """Whether some target labels are known."""
        return "source_and_labels" in self.shallow

    @property
    def total(self) -> int:
        """How many cells there are."""
        each = len(self.shallow) + 1 + self.few + len(self.on_tuned) + len(self.deep) + self.ceiling
        return each * len(self.sides.draws)

    def events(self) -> Generator[Event]:
        """Work all of it out; an event for each cell, and those of the trainings."""
        for one in self.sides.draws:
            nets = Networks(self.training, self.sides, one, self.folder / f"{one.seed}-{self._drawn(one)[:8]}")
            for name, estimator in self.shallow.items():
                key = self._key("frozen", estimator)
                yield from self._cell(name, one, key, self._frozen(name, estimator, one), "shallow")
            arm = yield from nets.source_only()
            self.training = nets.training  # in the precision that was found for the very first
            yield from self._cell(FINETUNED, one, "", _at_once(nets.told(arm)))
            if self.few:
                arm = yield from nets.source_and_labels()
                yield from self._cell(FINETUNED_AND_LABELS, one, "", _at_once(nets.told(arm)))
            tuned: list[Embeddings] = []  # made where they are needed
            for name, estimator in self.on_tuned.items():
                making = self._tuned(estimator, one, nets, arm, tuned)
                yield from self._cell(f"finetuned_{name}", one, self._key("tuned", estimator), making, "shallow")
            for name, methods in self.deep.items():
                key = hash_json([name, *(f"{one}: {method!r}" for one, method in methods.items())])
                yield from self._cell(name, one, key, nets.adapted(name, methods, arm, key), "deep")
            if self.ceiling:
                yield from self._cell(ORACLE, one, "", nets.ceiling(), "ceiling")

    def _cell(self, name: str, one: Draw, key: str, making: Making, kind: str = "") -> Generator[Event]:
        """Read a cell, or make it; what is read has its making thrown away before it began."""
        self.done += 1
        yield Event("compare", self.done, self.total, text=f"seed {one.seed}: {name}")
        key = hash_json([key, self._drawn(one)])
        if name in self.left_out or self.cells.read(name, one.seed, key) is not None:
            return
        try:
            found = yield from making
        except InputError as error:
            if kind not in self.forgiving or name == SOURCE_ONLY:
                raise
            self.left_out[name] = str(error)
        except RunError as error:  # such as NaN: the others are not lost for it
            if kind != "deep":
                raise
            self.left_out[name] = str(error)
        else:
            self.cells.write(name, one.seed, key, found)

    def _frozen(self, name: str, estimator: ShallowAdapter, one: Draw) -> Making:
        first = self.sides.draws[0].seed
        draws = self.varied or "random_state" in estimator.get_params(deep=False)
        if not draws and one.seed != first:
            return self.cells.known[name, first]
        return (yield from _at_once(shallow_cell(estimator, *self.vectors, one, name != SOURCE_ONLY)))

    def _tuned(self, estimator: ShallowAdapter, one: Draw, nets: Networks, arm: Arm, tuned: list[Embeddings]) -> Making:
        if not tuned:
            made, device = nets.representation(arm), self.training.settings.device
            for side in (self.sides.source, self.sides.target):
                tuned.append(embed(side.images, made, device=device, cache=False))
        return (yield from _at_once(shallow_cell(estimator, tuned[0], tuned[1], one, True, arm.done.seconds)))

    @staticmethod
    def _drawn(one: Draw) -> str:
        return hash_json([one.source.tolist(), one.known.tolist()])

    @staticmethod
    def _key(features: str, estimator: ShallowAdapter) -> str:
        """What makes the cell of an estimator itself, but for the seed, which is told apart."""
        own = {key: repr(value) for key, value in estimator.get_params(deep=True).items() if key != "random_state"}
        return hash_json([features, type(estimator).__name__, own])


def _at_once(cell: Cell) -> Making:
    """A cell that needs no training."""
    yield from ()
    return cell
