"""Where the images of a part of a stream come from: sources opened and halved, chunks, prefixes, tasks made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.checks import bad, check_choice, check_number
from ...core.runtime import derive_seed
from ..imageset import ImageSet
from ..sampling import hold_out, one_part, parts
from ..sources import open_images
from .stream import Stream
from .task import KINDS, Task

SHARE = 0.25  # of the images to test on, where no test part is named


@dataclass(frozen=True)
class Part:
    """Where the images of a part of a stream come from, and what is asked of them.

    Attributes:
        train: images to learn from, as everywhere: a folder, a table, `builtin:NAME` ...; for domains also a mapping of
            names to such sources, or to pairs {"train": ..., "test": ...}.
        test: the share of them to be scored on (by a hash of each id, or by `identity` where that is known, unless a
            column `split` tells), or a source of others.
        name: begins the names of the tasks.
        kind: classify, retrieve or segment.
        seed: of every hash.
        classes: to keep; None: all.
        labelled: False puts away the labels of what is learned from; those to score with stay.
        again: the classes are the same things as those of other parts of the stream that are called so.
        prefix: put before ids and classes, where other parts call other things so; with `again` before ids alone.
        chunk: images of each piece that a task comes in, each image in one; None: whole.

    Raises:
        InputError: a setting out of range, when it is made; and when it is cut, what cannot be used.
    """

    train: Any
    test: Any = SHARE
    name: str = "stream"
    kind: str = "classify"
    seed: int = 0
    classes: Sequence[str] | None = None
    labelled: bool = True
    again: bool = False
    prefix: str = ""
    chunk: int | None = None

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_number("seed", self.seed, 0, whole=True)
        for name in ("labelled", "again"):
            if not isinstance(value := getattr(self, name), bool):
                raise bad(name, repr(value), "true or false")
        for name in ("name", "prefix"):
            if not isinstance(value := getattr(self, name), str):
                raise bad(name, repr(value), "text")
        if self.chunk is not None:
            check_number("chunk", self.chunk, 1, whole=True)

    def halved(self) -> tuple[ImageSet, ImageSet, list[str]]:
        """What to learn from, what to be scored on, and notes.

        Pictures of a thing to be retrieved are all on one side, whatever their labels.
        """
        images = self._opened("train", self.train)
        if isinstance(self.test, bool) or self.test is None:
            raise bad("test", self.test, "a share of the images, or a source of others", "For example test = 0.25.")
        if not isinstance(self.test, int | float):
            given = self._opened("test", self.test)
            learn, notes = one_part(images, "train", "train")
            scored, more = one_part(given, "test", "test")
            return self._kept(learn), self._kept(files_under("test", scored)), [*notes, *more]
        images = self._kept(images)
        if len(images) < 2:
            fix = "Add images, or name others to test on."
            raise bad(
                "train", "one image" if len(images) else "no image", "two, one to learn from and one to test", fix
            )
        if self.kind != "retrieve" or "identity" not in images.columns or parts(images):
            return hold_out(images, self.test, self.seed)
        learn, scored, notes = hold_out(replace(images, labels=None), self.test, self.seed)
        rows = [images.subset(np.isin(images.ids, one.ids), one.name) for one in (learn, scored)]
        return rows[0], rows[1], notes

    def tasks(self, suffix: str, train: ImageSet, test: ImageSet) -> list[Task]:
        """The task of this part that the suffix names, or its chunks: shuffled, each image in one of them."""
        name = f"{self.name}-{suffix}" if suffix else self.name
        train, test = self._prefixed(train), self._prefixed(test)
        whole = Task(name, self.kind, train, test, self.labelled, self.name, again=self.again)
        if self.chunk is None:
            return [whole]
        order = _spread(train, test, self.seed)
        found = []
        for place, start in enumerate(range(0, len(order), self.chunk), 1):
            piece = train.subset(order[start : start + self.chunk], f"{train.name}, chunk {place}")
            met = whole.classes if piece.labels is None or not self.labelled else tuple(piece.classes)
            made = replace(whole, name=f"{name}.{place}", train=piece, whole=name, classes=met)
            found.append(made)
        return found

    def stream(self, tasks: Sequence[Task], notes: Sequence[str]) -> Stream:
        """The tasks as a stream; notes are told with the name of the part."""
        return Stream(self.name, tuple(tasks), self.seed, tuple(f"{self.name}: {note}" for note in notes))

    def _opened(self, argument: str, source: Any) -> ImageSet:
        images = open_images(source, argument=argument)
        if images.labels is None and self.kind == "retrieve" and "identity" in images.columns:
            return replace(images, labels=images.columns["identity"])
        return images

    def _kept(self, images: ImageSet) -> ImageSet:
        if self.classes is None:
            return images
        known = images.classes
        names = [check_choice("classes", str(name), known) for name in listed("classes", self.classes)]
        return rows_of(images, np.isin(images.need_labels("train", 1), names))

    def _prefixed(self, images: ImageSet) -> ImageSet:
        if not self.prefix:
            return images
        labels = images.labels
        if labels is not None and not self.again:
            labels = np.array([f"{self.prefix}/{one}" for one in labels.tolist()])
        ids = np.array([f"{self.prefix}/{one}" for one in images.ids.tolist()])
        return replace(images, ids=ids, labels=labels)


def as_part(given: Any) -> Part:
    """A part as it is; of anything else that names images a part with the usual settings."""
    return given if isinstance(given, Part) else Part(given)


def rows_of(images: ImageSet, rows: np.ndarray, name: str | None = None) -> ImageSet:
    """The images of a mask (n,), which may be none: then without labels, for a task to say that it has no image."""
    return (images if rows.any() else images.without_labels()).subset(rows, name)


def files_under(word: str, images: ImageSet) -> ImageSet:
    """Ids of files behind a word, as two folders may have files of the same names; ids of other pictures differ."""
    if getattr(images.items, "made_late", False) or any(isinstance(item, np.ndarray) for item in images.items):
        return images
    return replace(images, ids=np.array([f"{word}/{one}" for one in images.ids.tolist()]))


def listed(argument: str, given: Any) -> list[Any]:
    """A list as it is; text in its place is refused, of which Python would make letters."""
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        raise bad(argument, repr(given), "a list of names", f"For example {argument} = ['cat', 'dog'].")
    return list(given)


def ranks(ids: np.ndarray, seed: int, word: str) -> np.ndarray:
    """The place of each id by a hash of it, (n,): shuffled, by the ids alone."""
    return np.argsort(np.argsort([derive_seed(seed, word, one) for one in ids.tolist()]))


def _spread(train: ImageSet, test: ImageSet, seed: int) -> np.ndarray:
    """Rows in the order in which chunks take them: shuffled; of classes that are not tested, as many in each chunk."""
    rank = ranks(train.ids, seed, "chunks")
    own = np.ones(len(train), dtype=bool)
    if train.labels is not None and test.labels is not None:
        own = np.isin(train.labels, np.unique(test.labels))
    place = np.empty(len(train))
    for side in (own, ~own):
        place[side] = (np.argsort(np.argsort(rank[side])) + 0.5) / max(int(side.sum()), 1)
    return np.lexsort((rank, place))
