"""Detection of 2014: proposals, a network that only looks, a linear SVM for each class, and boxes put right.

Paper: Girshick, Donahue, Darrell, Malik 2014, Rich feature hierarchies for accurate object detection and semantic
segmentation, CVPR (R-CNN).

What differs: any representation looks, by its one vector for a picture, which says less of where things are than the
fifth pooling of AlexNet; vectors are brought to a mean norm of 20 as in the paper. Margins m are told as scores
1 / (1 + exp(-m)), which keeps their order: .5 is the border, and they are not calibrated.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...core.checks import InputError, bad, check_number
from ...core.storage import load_tensors, save_tensors
from ...data.decode import DecodeError, decode, read, upright_size
from ...data.imageset import ImageSet
from ...learning.run import HEAD
from ...representation import checksums
from ...representation.folder_records import read_card
from ...representation.representation import Representation
from .answer import Answer
from .box_ridge import moved
from .frame import Framed, colour_bytes
from .given_boxes import Proposals
from .objects import best
from .region_vectors import RegionVectors
from .selective_search import Searched, SelectiveSearch, search_of

NAME = "rcnn"  # of the task in a card
TENSORS = ("weights", "bias", "moves", "moved", "scale")


@dataclass(frozen=True)
class Rcnn:
    """What is told, and how it is looked for.

    Attributes:
        names: the classes in the order of the outputs.
        size: side of the square that pictures are brought to, in pixels.
        crop: side that what is in a box is brought to; None: what the representation prepares pictures to.
        context: share of that side around the box, on each side; the paper has 16 of 227 pixels.
        colour: (red, green, blue) in [0, 1] of what is beyond the picture.
        search: what proposes boxes, where nothing else does.
        least: score below which nothing is found.
        overlap: IoU above which the lower of two boxes of a class goes.
        most: objects found in a picture.
    """

    names: tuple[str, ...]
    size: int = 256
    crop: int | None = None
    context: float = 16 / 227
    colour: tuple[float, ...] = (0.5, 0.5, 0.5)
    search: SelectiveSearch = field(default_factory=SelectiveSearch)
    least: float = 0.05
    overlap: float = 0.3
    most: int = 100

    what: ClassVar[str] = "boxes"
    kind: ClassVar[str] = NAME

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise bad("names", self.names, "at least one class, each once")
        check_number("size", self.size, 32, 4096, whole=True)
        if self.crop is not None:
            check_number("crop", self.crop, 16, 1024, whole=True)
        check_number("context", self.context, 0, 0.45)
        check_number("least", self.least, 0, 1)
        check_number("overlap", self.overlap, 0, 1)
        check_number("most", self.most, 1, whole=True)


@dataclass(frozen=True)
class RcnnModel:
    """A representation with SVMs and box regressions.

    Attributes:
        objective: the task.
        representation: what sees the boxes; it has not learned.
        weights: (classes, d) of the SVMs, on vectors times `scale`; with `bias` (classes,) in float64.
        bias: (classes,).
        moves: (classes, d, 4) of the regressions, likewise; with `moved` (classes, 4).
        moved: (classes, 4).
        scale: brings the training set's vectors to a mean norm of 20.
        proposals: what proposes boxes; None: the objective's search.
        precision: of the network, as `embed` takes it, without int8.
        device: likewise.
    """

    objective: Rcnn
    representation: Representation
    weights: np.ndarray
    bias: np.ndarray
    moves: np.ndarray
    moved: np.ndarray
    scale: float
    proposals: Proposals | None = None
    precision: str = "auto"
    device: str = "auto"

    def looking(self) -> RegionVectors:
        """What gives a vector for each box."""
        task = self.objective
        return RegionVectors(
            self.representation, size=task.crop, context=task.context, precision=self.precision, device=self.device
        )

    def predict(self, images: ImageSet, *, batch: int = 8, failed: dict[str, str] | None = None) -> Iterator[Answer]:
        """What is in each picture, in order; those that cannot be read are left out and named in `failed`.

        Args:
            images: any.
            batch: pictures read at once.
            failed: filled with names and causes.
        """
        check_number("batch", batch, 1, whole=True)
        for (row, framed, boxes), vectors in self.looking()(self._squares(images, batch, failed)):
            yield self._answer(row, framed, boxes, vectors)

    def margins(self, vectors: np.ndarray) -> np.ndarray:
        """The SVMs' margins (n, classes) of vectors (n, d) as the representation gives them."""
        return (vectors * self.scale).astype(np.float64) @ self.weights.T + self.bias

    def _squares(
        self, images: ImageSet, batch: int, failed: dict[str, str] | None
    ) -> Iterator[tuple[tuple[int, Framed, Tensor], Tensor, Tensor]]:
        with ThreadPoolExecutor(images.readers) as pool:
            for start in range(0, len(images), batch):
                rows = range(start, min(start + batch, len(images)))
                for row, one in zip(rows, pool.map(lambda row: self._one(images, row), rows)):
                    if isinstance(one, str):
                        if failed is not None:
                            failed[images.called(row)] = one
                        continue
                    framed, square, boxes = one
                    yield (row, framed, boxes), square, boxes

    def _one(self, images: ImageSet, row: int) -> tuple[Framed, Tensor, Tensor] | str:
        task, source = self.objective, self.proposals or Searched(self.objective.search)
        try:
            content = read(images.items[row])
            width, height = upright_size(content)
            framed = Framed(height, width, task.size)
            square = framed.picture(decode(content, task.size), colour_bytes(list(task.colour)))
            return framed, square, source.of(str(images.ids[row]), framed, square)
        except (DecodeError, InputError) as error:
            return str(error)

    def _answer(self, row: int, framed: Framed, boxes: Tensor, vectors: np.ndarray) -> Answer:
        task = self.objective
        own = vectors.reshape(len(boxes), self.weights.shape[1])
        scores = 1 / (1 + np.exp(-self.margins(own)))
        which, kind = np.nonzero(scores >= task.least)
        by = np.zeros((len(which), 4))
        for one in np.unique(kind):
            by[kind == one] = (own[which[kind == one]] * self.scale) @ self.moves[one] + self.moved[one]
        there = framed.boxes_out(moved(boxes[torch.from_numpy(which)], by))
        value = torch.from_numpy(scores[which, kind]).float()
        classes = torch.from_numpy(kind.astype(np.int64))
        kept = best(there, value, classes, least=task.least, overlap=task.overlap, most=task.most)
        return Answer(row, (framed.height, framed.width), there[kept], value[kept], classes[kept])

    def save(self, folder: str | Path, card: Mapping[str, Any] | None = None) -> Path:
        """Write the model; the card goes last, so that a folder with a card is whole."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "card.json").unlink(missing_ok=True)
        arrays = {name: torch.tensor(getattr(self, name), dtype=torch.float64) for name in TENSORS}
        save_tensors(folder / HEAD, arrays)
        own = {
            **(self.representation.card if card is None else card),
            "task": {"name": NAME, **asdict(self.objective)},
            "head": {"file": HEAD, "checksum": checksums.checksum(folder / HEAD)},
        }
        rep = self.representation
        return Representation(rep.encoder, rep.preprocess, own, "", rep.pooled, rep.transform).save(folder)

    @staticmethod
    def load(
        folder: str | Path, proposals: Proposals | None = None, *, precision: str = "auto", device: str = "auto"
    ) -> "RcnnModel":
        """Read a model; `proposals`, `precision` and `device` as the class has them.

        Raises:
            InputError: a folder of something else, or a file that is not as the card's checksum says.
        """
        folder = Path(folder)
        start = Representation.load(folder)
        card = read_card(folder)
        objective = _objective_of(card.get("task"), folder)
        kept = card.get("head")
        if not isinstance(kept, dict) or checksums.checksum(folder / HEAD) != kept.get("checksum"):
            raise bad(str(folder / HEAD), "another checksum than the card's", "the file that the training wrote")
        tensors = load_tensors(folder / HEAD)
        count, width = len(objective.names), start.encoder.num_features
        if set(tensors) == set(TENSORS):
            width = int(tensors["weights"].shape[-1])
        shapes = {
            "weights": (count, width), "bias": (count,), "moves": (count, width, 4), "moved": (count, 4), "scale": ()
        }  # fmt: skip
        if {name: tuple(value.shape) for name, value in tensors.items()} != shapes:
            raise bad(str(folder / HEAD), "other weights", f"those of {count} classes")
        arrays = {name: tensors[name].numpy() for name in TENSORS if name != "scale"}
        scale = float(tensors["scale"])
        return RcnnModel(
            objective, start, **arrays, scale=scale, proposals=proposals, precision=precision, device=device
        )


def _objective_of(task: Any, folder: Path) -> Rcnn:
    """The task as a card tells it."""
    try:
        given = dict(task)
        if given.pop("name") != NAME:
            raise ValueError
        given["names"], given["colour"] = tuple(map(str, given["names"])), tuple(map(float, given["colour"]))
        return Rcnn(**given | {"search": search_of(given["search"])})
    except (TypeError, ValueError, LookupError) as error:
        told = f"{type(error).__name__} in its card's `task`."
        raise bad("folder", str(folder), "a folder of R-CNN, as a training writes it", told) from error


def made_by_rcnn(folder: Path) -> bool:
    """Whether a folder's card says that this made it."""
    task = read_card(folder).get("task")
    return isinstance(task, dict) and task.get("name") == NAME
