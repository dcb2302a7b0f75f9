"""Images by reference, with what is known of each: the one form in which data travel through regard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_labels
from ..core.runtime import threads
from ..core.values import as_column, label_texts
from ._files import shown
from .annotations.record import Rows, join

# columns that may hold the labels under another name, told where labels are needed
LIKELY_LABELS = frozenset("class classes category categories target targets y label_name class_name classname".split())

SMALL = 128 * 128 * 3  # values


@dataclass(frozen=True)
class ImageSet:
    """n images: files or uint8 arrays, an id for each, and optional labels and further columns.

    Attributes:
        items: n paths, or n uint8 arrays (H, W, 3) or (H, W).
        ids: (n,) text, unique and stable: the path relative to the root, or a name.
        labels: (n,) text as `core.values.tidy` writes it, so that equal classes are equal whoever named them (1.0 is
            1, names in Unicode's form NFC without spaces around), or None where they are unknown.
        columns: further columns of length n, such as `domain`, `identity`, `split`.
        name: what to call the set in a message or a report.
        set_aside: files that were left out, as {"path": ..., "cause": ...}.
        notes: what is to be said of the set, as {"note": ..., "images": how many, "first": ...}: files passed over.
        root: where the names of files start, for messages; None where the ids are such names.
        annotations: boxes, masks, depth and the like of each image, read when they are asked for (`annotations[3]`);
            None where there are none.
    """

    items: Sequence[Path | np.ndarray]
    ids: np.ndarray
    labels: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    name: str = "images"
    set_aside: tuple[dict[str, str], ...] = ()
    notes: tuple[dict[str, Any], ...] = ()
    root: Path | None = None
    annotations: Rows | None = None

    def __post_init__(self) -> None:
        n = len(self.items)
        if len(self.ids) != n or any(len(column) != n for column in self.columns.values()):
            raise bad("columns", "columns of different lengths", f"{n} values in each, one for each image")
        if self.annotations is not None and len(self.annotations) != n:
            raise bad("annotations", f"those of {len(self.annotations)} images", f"those of {n}, one for each image")
        if len(np.unique(self.ids)) != n:
            raise bad("ids", f"{n - len(np.unique(self.ids))} ids given twice", "a different id for each image")
        object.__setattr__(self, "columns", {key: as_column(key, value) for key, value in self.columns.items()})
        if self.labels is not None:
            object.__setattr__(self, "labels", label_texts("labels", self.labels, n))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def readers(self) -> int:
        """How many threads read them fastest: one for small arrays, where threads wait for Python more than they do."""
        first = self.items[0] if len(self) else None
        return 1 if isinstance(first, np.ndarray) and first.size <= SMALL else threads()

    @property
    def paths(self) -> np.ndarray:
        """(n,) text: the absolute path of each file; "" for pixels, which are not made for it where they are made late.

        Absolute, as what is made of the images may be read from another folder.
        """
        if getattr(self.items, "made_late", False):
            return np.full(len(self), "")
        return np.array([str(item.absolute()) if isinstance(item, Path) else "" for item in self.items])

    @property
    def classes(self) -> list[str]:
        """The different labels, sorted; empty where there are none."""
        return [] if self.labels is None else [str(label) for label in np.unique(self.labels)]

    @property
    def targets(self) -> np.ndarray:
        """(n,) whole numbers from 0: the place of each label in `classes`; raises where there are no labels."""
        return np.unique(self.need_labels(), return_inverse=True)[1]

    def need_labels(self, argument: str = "images", min_classes: int = 2) -> np.ndarray:
        """Return the labels, or say that they are needed and how to give them."""
        if self.labels is None:
            likely = [name for name in self.columns if name.strip().lower() in LIKELY_LABELS]
            raise bad(
                argument,
                f"{self.name} without labels",
                "labelled images",
                f"Are they in the column {likely[0]!r}? Rename it to label."
                if likely
                else "Put each class in a folder of its own, or give a table with a `label` column.",
            )
        return check_labels(argument, self.labels, len(self), min_classes=min_classes)

    def subset(self, index: Any, name: str | None = None) -> "ImageSet":
        """The images at `index` (whole numbers or a mask), in that order."""
        rows = np.arange(len(self))[index]
        return replace(
            self,
            items=self.items.take(rows) if hasattr(self.items, "take") else [self.items[row] for row in rows],
            ids=self.ids[rows],
            labels=None if self.labels is None else self.labels[rows],
            columns={key: column[rows] for key, column in self.columns.items()},
            annotations=None if self.annotations is None else self.annotations.take(rows),
            name=name or self.name,
        )

    def called(self, row: int) -> str:
        """What to call an image in a message: its path as the folder or table has it, else its id."""
        if self.root is not None and isinstance(item := self.items[row], Path):
            return shown(item.relative_to(self.root).as_posix() if item.is_relative_to(self.root) else str(item))
        return shown(str(self.ids[row]))

    def sentences(self) -> list[str]:
        """The notes in words, such as: 3 videos (.mp4) passed over, such as a/x.mp4."""
        return [f"{note['note']}, such as {note['first']}" for note in self.notes]

    def without_labels(self) -> "ImageSet":
        """The same images with labels and annotations put away, for work that must not see them."""
        return replace(self, labels=None, annotations=None)


def concatenate(sets: Sequence[ImageSet], name: str | None = None) -> ImageSet:
    """Several sets as one, in their order.

    Labels and annotations stay where every set has them, and so do the columns that all of them have.

    Raises:
        InputError: no set, or an id in two of them.
    """
    if not sets:
        raise bad("sets", "no set", "at least one image set")
    ids = np.concatenate([one.ids for one in sets])
    known, times = np.unique(ids, return_counts=True)
    if (times > 1).any():
        twice = str(known[times > 1][0])
        raise bad("sets", f"the id {twice!r} in two sets", "ids that differ", "Give them their folder's name in front.")
    shared = [key for key in sets[0].columns if all(key in one.columns for one in sets)]
    labels = [one.labels for one in sets if one.labels is not None]
    rows = [one.annotations for one in sets if one.annotations is not None]
    return ImageSet(
        [item for one in sets for item in one.items],
        ids,
        np.concatenate(labels) if len(labels) == len(sets) else None,
        {key: np.concatenate([one.columns[key] for one in sets]) for key in shared},
        name or " + ".join(one.name for one in sets),
        tuple(entry for one in sets for entry in one.set_aside),
        tuple(note for one in sets for note in one.notes),
        annotations=join(rows) if len(rows) == len(sets) else None,
    )
