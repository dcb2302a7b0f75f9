"""Source and target as images: opened, checked, and the target's labels put where no training can reach them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ...core.checks import bad
from ...core.storage import hash_json
from ...core.values import nearest
from ...data.imageset import ImageSet
from ...data.sampling import hold_out, one_part
from ...data.sources import open_images
from ...learning.objective import Split
from ...reuse.pairs import readable, show_symbols

HELD = 0.1  # of the source, by which is chosen


@dataclass(frozen=True, eq=False)
class ImageDomains:
    """Both domains.

    Attributes:
        known: the source: what is learned from, what is held out for the choice.
        target: without labels.
        truth: (nt,) the target's labels to score with, or None.
        labelled: target images with labels that are learned from, or None.
        content: hash of all that is learned from.
        pictures: content hashes of all images.
        notes: what is to be said of them.
    """

    known: Split
    target: ImageSet
    truth: np.ndarray | None
    labelled: ImageSet | None
    content: str
    pictures: frozenset[str]
    notes: tuple[str, ...]


class Side(NamedTuple):
    """Images that can be read, and the hash of each one's bytes (n,)."""

    images: ImageSet
    hashes: np.ndarray


def open_domains(source: Any, target: Any, labelled: Any = None, seed: int = 0) -> ImageDomains:
    """Open and check both sides; a tenth of the source is held out, by identity where that is known.

    Args:
        source: labelled images, as `open_images` takes them.
        target: images; their labels, where there are some, serve for the score alone.
        labelled: target images with labels that may be learned from.
        seed: of what is held out.

    Raises:
        InputError: no labels, one class, no class in common, a label beside the source's, images that are learned from
            with their labels and scored too, none readable.
    """
    notes: list[str] = []
    source, target = open_sides(source, target, notes)
    few = None
    if labelled is not None:
        few = Side(*readable(open_images(labelled, argument="--labelled"), notes))
        _check_classes("--labelled", few.images.need_labels("--labelled", 1), source.images.classes, all_of_them=True)
        same = target.images.ids[np.isin(target.hashes, few.hashes)]
        if len(same):
            what = f"{len(same)} image(s) that are in TARGET too: {', '.join(map(str, same[:3]))}"
            raise bad("--labelled", what, "others than those of TARGET", "Leave them out of one of the two.")
    return split_sides(source, target, few, seed, notes)


def open_sides(source: Any, target: Any, notes: list[str]) -> tuple[Side, Side]:
    """Both sides with all their labels, without what cannot be read, which is noted.

    Raises:
        InputError: a source without labels or of one class, none readable.
    """
    given, more = one_part(open_images(source, argument="SOURCE"), "train", "SOURCE")
    notes += more
    given.need_labels("SOURCE")
    own, there = (Side(*readable(one, notes)) for one in (given, open_images(target, argument="TARGET")))
    own.images.need_labels("SOURCE")
    return own, there


def split_sides(
    source: Side, target: Side, labelled: Side | None = None, seed: int = 0, notes: Sequence[str] = ()
) -> ImageDomains:
    """What is learned from, what is held out, and what is scored.

    Args:
        source: with labels.
        target: its labels, where there are some, are put away.
        labelled: target images with labels, none of them in `target`.
        seed: of what is held out.
        notes: what is to be said of them already.

    Raises:
        InputError: no class in common, a class of which nothing can be held out.
    """
    own, there, few = source.images, target.images, None if labelled is None else labelled.images
    told, truth = list(notes), there.labels
    if truth is not None:
        told += _check_classes("TARGET", truth, own.classes, all_of_them=False)
    origins = domains_of(own)
    if origins is not None:
        names = np.unique(origins)
        told.append(f"SOURCE has {len(names)} domains ({_some(names)}): pooled, in equal shares of each batch.")
    learn, held, said = hold_out(own, HELD, seed)
    content = [
        _with_labels(source),
        sorted(target.hashes.tolist()),
        []
        if labelled is None or few is None
        else sorted(zip(labelled.hashes.tolist(), few.need_labels("", 1).tolist())),
        *([] if origins is None else [sorted(zip(source.hashes.tolist(), origins.tolist()))]),
    ]
    pictures = [one.hashes.tolist() for one in (source, target, *([] if labelled is None else [labelled]))]
    return ImageDomains(
        Split(learn, held, show_symbols(own)),
        replace(there, labels=None),
        truth,
        few,
        hash_json(content),
        frozenset(name for one in pictures for name in one),
        (*told, *(one.replace("test images", "images to choose by") for one in said)),
    )


def domains_of(images: ImageSet) -> np.ndarray | None:
    """(n,) the domain of each image, where a column `domain` tells several apart; else None."""
    named = images.columns.get("domain")
    return None if named is None or len(np.unique(named.astype(str))) < 2 else named.astype(str)


def _check_classes(argument: str, labels: np.ndarray, classes: Sequence[str], all_of_them: bool) -> list[str]:
    strange = np.setdiff1d(labels, classes)
    if not len(strange):
        return []
    named = ", ".join(map(str, strange[:5]))
    if all_of_them or len(strange) == len(np.unique(labels)):
        raise bad(
            argument,
            f"{len(strange)} class(es) that the source has not: {named}",
            "some of the source's classes",
            nearest(strange, np.array(list(classes))) or "Name the classes of both domains alike.",
        )
    share = float(np.isin(labels, strange).mean())
    return [f"{share:.1%} of the target samples cannot be right: the source has no class {named}"]


def _with_labels(side: Side) -> list[tuple[str, str]]:
    return sorted(zip(side.hashes.tolist(), side.images.need_labels("", 1).tolist()))


def _some(names: np.ndarray) -> str:
    return ", ".join(map(str, names[:4])) + (" ..." if len(names) > 4 else "")
