"""All that one image carries, and how the rows of an image set find it when it is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ...core.checks import bad
from .boxes import Boxes
from .boxes3d import DONT_CARE, Boxes3D
from .depth import Depth
from .faults import Fault
from .masks import Masks, SemanticMap


@dataclass(frozen=True)
class Annotations:
    """What is known of one image; None where nothing is said, and empty where there is said to be nothing.

    Attributes:
        size: height and width of the upright picture; None where it could not be read.
        boxes: around objects.
        masks: of the same objects: row i is row i of `boxes`.
        semantic: the class of each pixel.
        depth: of each pixel.
        boxes3d: objects in space.
        tags: labels of the whole image, where a file gives them; else they are the classes of what it shows (`labels`).
        camera: (3, 4) float64, where it is known though nothing is said of depth or of objects in space; else theirs is
            asked for, by `seen_by`.
        faults: what was clipped, set aside or noted while this was read.
    """

    size: tuple[int, int] | None = None
    boxes: Boxes | None = None
    masks: Masks | None = None
    semantic: SemanticMap | None = None
    depth: Depth | None = None
    boxes3d: Boxes3D | None = None
    tags: tuple[str, ...] | None = None
    faults: tuple[Fault, ...] = ()
    camera: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.masks is not None and (self.boxes is None or len(self.boxes) != len(self.masks)):
            count = None if self.boxes is None else len(self.boxes)
            raise bad("masks", f"{len(self.masks)} masks and {count} boxes", "a box for each mask")
        for name in ("masks", "semantic", "depth"):
            one = getattr(self, name)
            if one is not None and self.size is not None and one.size != tuple(self.size):
                raise bad(name, f"height and width {one.size}", f"those of the picture, {tuple(self.size)}")

    @property
    def seen_by(self) -> np.ndarray | None:
        """(3, 4) float64, from metres to pixels, whose middles are at whole numbers; None where it is not known."""
        if self.boxes3d is not None and self.boxes3d.camera is not None:
            return self.boxes3d.camera
        if self.camera is not None or self.depth is None or self.depth.intrinsics is None:
            return self.camera
        return np.concatenate([self.depth.intrinsics, np.zeros((3, 1))], axis=1)

    @property
    def labels(self) -> tuple[str, ...]:
        """The different labels of the image, sorted: its tags, or the classes of its objects and pixels."""
        if self.tags is not None:
            return tuple(sorted(set(self.tags)))
        found: set[str] = set()
        if self.boxes is not None:
            found |= set(self.boxes.classes.tolist())
        if self.semantic is not None:
            found |= set(self.semantic.pixels())
        if self.boxes3d is not None:
            found |= set(self.boxes3d.classes.tolist())
        return tuple(sorted(found - {DONT_CARE}))

    def with_faults(self, *faults: Fault) -> "Annotations":
        """The same, with further faults told."""
        return replace(self, faults=(*self.faults, *faults))


class Source(Protocol):
    """One file or folder of annotations."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """In the order of the file; None where no file lists them."""
        ...

    def __len__(self) -> int: ...

    def read(self, row: int) -> Annotations:
        """Of the image of this row; what is wrong with it is told in its `faults`, and never raised."""
        ...

    def general(self) -> list[Fault]:
        """What is wrong with the file as a whole, or with annotations of no image at all."""
        ...


@dataclass(frozen=True)
class Rows:
    """The annotations of n images, read one at a time when they are asked for: `rows[3]`, or `for one in rows`.

    Attributes:
        sources: the files that they come from.
        where: (n, 2) whole numbers, which source and which of its rows each image has.
    """

    sources: tuple[Source, ...]
    where: np.ndarray

    @classmethod
    def of(cls, source: Source) -> "Rows":
        """All rows of one source."""
        rows = np.arange(len(source))
        return cls((source,), np.stack([np.zeros_like(rows), rows], axis=1))

    def __len__(self) -> int:
        return len(self.where)

    def __getitem__(self, row: int) -> Annotations:
        source, place = self.where[row]
        return self.sources[source].read(int(place))

    def __iter__(self) -> Iterator[Annotations]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: np.ndarray) -> "Rows":
        """Those of these images, in that order."""
        return replace(self, where=self.where[rows])

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the files list, in their order, else those that are met, sorted (which reads them all)."""
        listed = [source.classes for source in self.sources]
        if listed and all(one is not None for one in listed):
            return tuple(dict.fromkeys(name for one in listed for name in one or ()))
        return tuple(sorted({name for one in self for name in one.labels}))

    def several_labels(self, classes: Sequence[str] | None = None) -> np.ndarray:
        """(n, len(classes)) of bool: which images are of which classes; reads them all."""
        names = list(self.classes if classes is None else classes)
        return np.array([[name in one.labels for name in names] for one in self], dtype=bool).reshape(-1, len(names))

    def faults(self) -> list[Fault]:
        """What is wrong with them, and with their files; reads them all."""
        return [fault for source in self.sources for fault in source.general()] + [
            fault for one in self for fault in one.faults
        ]


@dataclass(frozen=True)
class Listed:
    """Annotations that are there already, as a source: made by a program, or changed after they were read."""

    items: Sequence[Annotations]
    classes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def read(self, row: int) -> Annotations:
        """The annotations of this row."""
        return self.items[row]

    def general(self) -> list[Fault]:
        """Nothing: they were checked when they were made."""
        return []


def join(parts: Sequence[Rows]) -> Rows:
    """Several, one after another."""
    where: list[np.ndarray] = []
    sources: list[Source] = []
    for part in parts:
        where.append(part.where + np.array([len(sources), 0]))
        sources += part.sources
    return Rows(tuple(sources), np.concatenate(where) if where else np.zeros((0, 2), dtype=np.int64))
