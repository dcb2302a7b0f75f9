"""One task of a stream: pictures to learn from, other pictures to be scored on, and what is asked of them."""

from dataclasses import dataclass, replace

import numpy as np

from ...core.checks import bad, check_choice
from ...core.values import as_text, gaps
from ..annotations.masks import BACKGROUND
from ..imageset import ImageSet

KINDS = ("classify", "retrieve", "segment")
SHOWN = 3  # names in a message


@dataclass(frozen=True, eq=False)
class Task:
    """A task: what to learn from and what to be scored on, which share no picture and no known thing.

    Attributes:
        name: unlike that of any other task of its stream.
        kind: `classify` (labels), `retrieve` (pictures of the same label are relevant to one another, and those of
            `test` may be of labels that `train` lacks) or `segment` (the class of each pixel).
        train: where the task is unlabelled, without labels, annotations and the column `identity`.
        test: always with labels or annotations, as it is what scores are of.
        labelled: whether `train` has labels (for `segment`: annotations) that a method may use.
        part: the part of the stream that it comes from: tasks of one part may share classes. "": a part of its own.
        whole: of a chunk the task that it is a piece of; "" of any other.
        again: its classes may be those of other parts, and are the same things there.
        classes: those of `train` and `test`, sorted; for `segment` in the order of the files, without background.
        new: those of them that no earlier task of the stream has; the stream fills it.
        back: those that an earlier task had, by the name of the first one.

    Raises:
        InputError: an unknown kind, no picture, no test part, no labels where they are needed, a class to be tested on
            that `train` does not teach, or something that is in both parts.
    """

    name: str
    kind: str
    train: ImageSet
    test: ImageSet
    labelled: bool = True
    part: str = ""
    whole: str = ""
    again: bool = False
    classes: tuple[str, ...] | None = None
    new: tuple[str, ...] = ()
    back: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise bad("name", repr(self.name), "a name for the task")
        where = f"task {self.name!r}"
        check_choice(f"{where}: kind", self.kind, KINDS)
        if self.train is None or not len(self.train):
            raise bad(f"{where}: train", "no image", "at least one image to learn from")
        if self.test is None or not len(self.test):
            raise bad(f"{where}: test", "no test part", "images to be scored on", "Give `test` a share or a source.")
        object.__setattr__(self, "part", self.part or self.name)
        if self.classes is None:  # else it was all checked before
            _check_apart(where, self.train, self.test)
            object.__setattr__(self, "classes", _classes(where, self.kind, self.train, self.test, self.labelled))
        if not self.labelled:
            object.__setattr__(self, "train", unlabelled(self.train))

    @property
    def of(self) -> str:
        """The task whose test part this is scored on: itself, or for a chunk the task that it is a piece of."""
        return self.whole or self.name


def unlabelled(images: ImageSet) -> ImageSet:
    """The images without labels, annotations and the column `identity`, which says which show the same thing."""
    rest = {name: values for name, values in images.columns.items() if name != "identity"}
    return replace(images.without_labels(), columns=rest)


def same_things(images: ImageSet) -> set[str]:
    """The values of the column `identity` that say something; none where there is no such column."""
    if "identity" not in images.columns:
        return set()
    values = images.columns["identity"]
    return set(as_text("identity", values)[~gaps(values)].tolist())


def pixel_classes(images: ImageSet) -> tuple[str, ...]:
    """The classes that annotations list, or that are met, without background."""
    known = () if images.annotations is None else images.annotations.classes
    return tuple(name for name in known if name != BACKGROUND)


def named(names: set[str] | list[str]) -> str:
    """A few of many names, for a message."""
    several = sorted(names) if isinstance(names, set) else names
    rest = len(several) - SHOWN
    return ", ".join(map(repr, several[:SHOWN])) + (f" and {rest} more" if rest > 0 else "")


def _check_apart(where: str, train: ImageSet, test: ImageSet) -> None:
    both = set(train.ids.tolist()) & set(test.ids.tolist())
    fix = "What was learned from says nothing of what comes."
    if both:
        raise bad(f"{where}: test", f"{len(both)} images that are learned from too ({named(both)})", "others", fix)
    things = same_things(train) & same_things(test)
    if things:
        got = f"images of {len(things)} things that are learned from too, by the column `identity` ({named(things)})"
        raise bad(f"{where}: test", got, "others", "Put all images of one thing in one part.")


def _classes(where: str, kind: str, train: ImageSet, test: ImageSet, labelled: bool) -> tuple[str, ...]:
    """The classes of both parts, after a look at whether the labels are there that the kind needs."""
    if kind == "segment":
        for part, images in (("train", train), ("test", test)):
            if images.annotations is None and (labelled or part == "test"):
                raise bad(f"{where}: {part}", f"{images.name} without annotations", "the class of each pixel, as masks")
        return tuple(dict.fromkeys((*(pixel_classes(train) if labelled else ()), *pixel_classes(test))))
    if test.labels is None:
        raise bad(f"{where}: test", f"{test.name} without labels", "labels to score with")
    if labelled and train.labels is None:
        fix = "Say labelled = false, if the task is to be learned without labels."
        raise bad(f"{where}: train", f"{train.name} without labels", "labelled images", fix)
    strange = set(test.classes) - set(train.classes)
    if kind == "classify" and strange and train.labels is not None:
        got = f"images of {named(strange)}, of which train has none"
        raise bad(f"{where}: test", got, "classes that can be learned", "Leave them out with `classes`.")
    if kind == "retrieve" and np.unique(test.labels, return_counts=True)[1].max() < 2:
        got = f"{len(test)} images, no two of which have one label"
        raise bad(f"{where}: test", got, "a label with two images, as one is to find the other")
    return tuple(sorted({*train.classes, *test.classes}))
