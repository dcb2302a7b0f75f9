"""Answers of a dense model on disk, in the form that another program, a person or this package takes; one by one.

Nothing is there before all of it is: a file or folder is written beside its place and renamed. What is held in memory
is one answer at a time, and the names of the pictures.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ....core.checks import bad, check_choice, check_number, check_output
from ....core.leftovers import empty
from ....core.storage import replacing
from ....data.annotations._writing import fresh
from ....data.imageset import ImageSet
from ..answer import MAPS, Answer
from ..targets import KINDS
from ..told import LOOKED_AT
from .coco_files import CocoFiles
from .contract import Asked, Writer
from .depth_folder import DepthPngFolder, NpyFolder
from .json_file import JsonFile
from .kitti_folder import KittiFolder
from .overlay_folder import OverlayFolder
from .places import Places
from .png_folder import PngFolder
from .voc_folder import VocFolder
from .yolo_folder import YoloFolder

FOLDERS: MappingProxyType[str, type[Writer]] = MappingProxyType(
    {
        "coco": CocoFiles,
        "voc": VocFolder,
        "yolo": YoloFolder,
        "png": PngFolder,
        "npy": NpyFolder,
        "kitti": KittiFolder,
        "overlay": OverlayFolder,
    }
)
FORMATS = ("json", *FOLDERS)
# where what is told has a writer of its own
_OWN: MappingProxyType[tuple[str, str], type[Writer]] = MappingProxyType({("png", "depth"): DepthPngFolder})
# what a format can hold; the others hold all
_HELD = {
    "coco": ("boxes", "masks"),
    "voc": ("boxes", "masks", "semantic"),
    "yolo": ("boxes", "masks"),
    "png": ("masks", "semantic", "depth"),
    "npy": ("depth",),
    "kitti": ("boxes3d",),
}


@dataclass(frozen=True)
class WrittenAnswers:
    """What was written.

    Attributes:
        path: the file or folder.
        images: how many pictures it tells of.
        objects: how many objects with at least the threshold's score it has; 0 of semantic maps.
        by_class: in how many pictures each class of pixels, or how many objects of each class.
        lost: what the format cannot hold, and how many of each.
    """

    path: Path
    images: int
    objects: int
    by_class: dict[str, int]
    lost: dict[str, int]

    def sentences(self) -> list[str]:
        """What was lost, in words."""
        return [f"{count} {what}" for what, count in self.lost.items()]


def check_answers(format: str, out: str | Path, what: str, argument: str = "out") -> Path:
    """Refuse a format that is none or cannot hold `what` (one of `KINDS`), or a place, before the work.

    Raises:
        InputError: such a format or place; a folder that holds files.
    """
    check_choice("--format", format, FORMATS)
    check_choice("what", what, KINDS)
    held = _HELD.get(format, (what,))
    if what not in held:
        others = ", ".join(one for one in FORMATS if what in _HELD.get(one, (what,)))
        raise bad("--format", f"{format!r}, which has no place for {what}", f"one of {others}")
    if format == "json":
        path = check_output(argument, out, ".json")
        if what in MAPS:
            _empty(argument, check_output(argument, _maps(path), folder=True))
        return path
    return _empty(argument, check_output(argument, out, folder=True))


def write_answers(
    answers: Iterable[Answer],
    images: ImageSet,
    names: Sequence[str],
    out: str | Path,
    format: str = "json",
    *,
    what: str | None = None,
    threshold: float | None = None,
    pictures: bool = False,
    scores: bool = False,
) -> WrittenAnswers:
    """Write what a model finds, as it finds it.

    Args:
        answers: of `predict`, in any order, a picture once.
        images: those that were asked about.
        names: the classes of the model, `model.objective.names`.
        out: for `json` a file that ends in .json (maps of classes and of depth go to the folder NAME_maps beside it),
            for all others a new or empty folder.
        format: `json`; `coco` (instances.json, and results.json with every object whatever its score); `voc`; `yolo`;
            `png` (index pictures of classes and objects, depth in millimetres); `npy` (depth in metres);
            `kitti` (texts of boxes in space); `overlay`
            (pictures to look at).
        what: `model.objective.what`; None: as the first answer has it.
        threshold: the least score of an object; None: 0.5.
        pictures: copy the pictures too, so that the folder is a data set of `coco`, `voc`, `yolo` or `png`.
        scores: end each line of YOLO's texts with the score, which readers of data sets take for a mistake.

    Raises:
        InputError: an unknown format, one that cannot hold the answers, a place that cannot be written to.
    """
    coming = iter(answers)
    if what is None:
        first = next(coming, None)
        coming = iter(()) if first is None else _with(first, coming)
        what = "boxes" if first is None else what_of(first)
    with writing(
        images, names, out, format, what=what, threshold=threshold, pictures=pictures, scores=scores
    ) as writer:
        for answer in coming:
            writer.add(answer)
    return writer.done


class Counting:
    """A writer that counts; `done` is known when the block of `writing` has ended."""

    def __init__(self, inner: Writer, asked: Asked) -> None:
        self.inner, self.asked = inner, asked
        self.images, self.seen = 0, Counter[str]()
        self.done: WrittenAnswers

    def add(self, answer: Answer) -> None:
        """Write the next answer."""
        self.inner.add(answer)
        self.images += 1
        if answer.semantic is not None:
            numbers = answer.semantic.unique().tolist()
        else:
            numbers = answer.classes[answer.scores >= self.asked.threshold].tolist()
        self.seen.update(self.asked.names[one] for one in numbers)


@contextmanager
def writing(
    images: ImageSet,
    names: Sequence[str],
    out: str | Path,
    format: str = "json",
    *,
    what: str,
    threshold: float | None = None,
    pictures: bool = False,
    scores: bool = False,
) -> Iterator[Counting]:
    """Open a file or folder for answers, one of several perhaps; nothing of it stays if the block raises.

    Arguments and errors are those of `write_answers`.
    """
    path = check_answers(format, out, what)
    least = float(check_number("threshold", LOOKED_AT if threshold is None else threshold, 0, 1))
    asked = Asked(images, tuple(names), what, Places(images), least, pictures, scores)
    with ExitStack() as stack:
        inner: Writer | JsonFile
        if format == "json":
            beside = stack.enter_context(replacing(path))  # appears last: what it names is there by then
            maps = stack.enter_context(fresh(_maps(path))) if what in MAPS else None
            inner = JsonFile(beside, asked, maps, _maps(path).name)
        else:
            inner = _OWN.get((format, what), FOLDERS[format])(stack.enter_context(fresh(path)), asked)
        counting = Counting(inner, asked)
        whole = False
        try:
            yield counting
            whole = True
        finally:
            inner.close(whole)
    by_class = {name: counting.seen[name] for name in asked.names if counting.seen[name]}
    objects = 0 if what == "semantic" else sum(by_class.values())
    counting.done = WrittenAnswers(path, counting.images, objects, by_class, dict(sorted(asked.losses.lost.items())))


def what_of(answer: Answer) -> str:
    """What an answer tells: one of `KINDS`."""
    if answer.space is not None:
        return "boxes3d"
    for name in MAPS:
        if getattr(answer, name) is not None:
            return name
    return "boxes" if answer.masks is None and answer.runs is None else "masks"


def _maps(path: Path) -> Path:
    return path.with_name(f"{path.stem}_maps")


def _empty(argument: str, path: Path) -> Path:
    if not empty(path):
        raise bad(argument, f"{str(path)!r}, which holds files", "a new or empty folder")
    return path


def _with(first: Answer, others: Iterator[Answer]) -> Iterator[Answer]:
    yield first
    yield from others
