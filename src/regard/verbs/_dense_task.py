"""Which dense task a verb is for, and how its runs are opened."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.checks import bad, check_path
from ..core.events import passing
from ..core.runtime import pick_device
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..reuse.dense.answer import Answer
from ..reuse.dense.model import DenseModel
from ..reuse.dense.rcnn import RcnnModel, made_by_rcnn
from ..reuse.dense.scoring import Answering, Telling
from ..reuse.dense.tiles import Tiled
from ._given import given_images
from ._result import Watch


@dataclass(frozen=True)
class Task:
    """A dense task by the name of its verb.

    Attributes:
        name: detect | instances | segment | depth | boxes3d.
        what: boxes | masks | semantic | depth | boxes3d, as the rooms call it.
    """

    name: str
    what: str

    def open(self, run: str | Path, device: str, precision: str = "auto") -> DenseModel | RcnnModel:
        """Read a run of this task, and put it on a device.

        Raises:
            InputError: no finished run, or one of another task.
        """
        folder = check_path("RUN", run, folder=True)
        place = pick_device(device)
        if not (folder / "card.json").is_file():
            raise bad(
                "RUN", f"{str(run)!r}, where there is no card.json", f"a folder that regard {self.name} train wrote"
            )
        if made_by_rcnn(folder):
            model: DenseModel | RcnnModel = RcnnModel.load(folder, precision=precision, device=device)
        else:
            model = DenseModel.load(folder)
            model.encoder.to(place)
            model.head.to(place)
        if model.objective.what != self.what:
            its = next(name for name, what in TASKS.items() if what == model.objective.what)
            raise bad("RUN", f"{run}, a run of regard {its}", f"one of regard {self.name}", f"Use regard {its}.")
        return model


@dataclass(frozen=True)
class Watched:
    """A model whose progress through pictures is seen.

    Attributes:
        model: what answers.
        watch: takes the stream of events.
    """

    model: Answering
    watch: Watch

    @property
    def objective(self) -> Telling:
        """The model's."""
        return self.model.objective

    def predict(self, images: ImageSet, *, batch: int = 8, failed: dict[str, str] | None = None) -> Iterator[Answer]:
        """As the model's."""
        return passing(self.model.predict(images, batch=batch, failed=failed), len(images), "predict", self.watch)


def annotated(argument: str, given: object) -> ImageSet:
    """Open images that carry annotations.

    Raises:
        InputError: no images, or none that say what they show.
    """
    images = open_images(given_images(argument, given), argument=argument)
    if images.annotations is None:
        fix = (
            "Name the folder that holds JPEGImages and Annotations, a COCO file (.json), or one with masks/ or depth/."
        )
        wanted = "images with boxes, masks, maps of classes or depth"
        raise bad(argument, f"{images.name}, without annotations", wanted, fix)
    return images


def tiled(model: DenseModel | RcnnModel, tiles: int | None, overlap: float) -> Answering:
    """The model, looking by overlapping windows where these are wanted.

    Raises:
        InputError: windows of a model that proposes boxes by itself.
    """
    if tiles is None and (isinstance(model, RcnnModel) or model.objective.what != "masks"):
        return model
    if isinstance(model, RcnnModel):
        raise bad("--tiles", f"{tiles}, with a run of the head rcnn", "whole pictures", "Train another head.")
    return Tiled(model, tiles, overlap)  # masks as run lengths: a hundred of a photograph are no gigabyte then


TASKS = {"detect": "boxes", "instances": "masks", "segment": "semantic", "depth": "depth", "boxes3d": "boxes3d"}
