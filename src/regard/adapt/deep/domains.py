"""Source and target as images: opened, checked, and the target's labels put where no training can reach them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

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
    given, more = one_part(open_images(source, argument="SOURCE"), "train", "SOURCE")
    given.need_labels("SOURCE")
    (own, here), (there, hashes) = (readable(one, notes) for one in (given, open_images(target, argument="TARGET")))
    own.need_labels("SOURCE")
    few, few_hashes = None, np.zeros(0, here.dtype)
    if labelled is not None:
        few, few_hashes = readable(open_images(labelled, argument="--labelled"), notes)
        _check_classes("--labelled", few.need_labels("--labelled", 1), own.classes, all_of_them=True)
        same = there.ids[np.isin(hashes, few_hashes)]
        if len(same):
            what = f"{len(same)} image(s) that are in TARGET too: {', '.join(map(str, same[:3]))}"
            raise bad("--labelled", what, "others than those of TARGET", "Leave them out of one of the two.")
    truth = there.labels
    if truth is not None:
        notes += _check_classes("TARGET", truth, own.classes, all_of_them=False)
    symbols = show_symbols(own)
    learn, held, said = hold_out(own, HELD, seed)
    told = [
        sorted(zip(here.tolist(), own.need_labels("", 1).tolist())),
        sorted(hashes.tolist()),
        sorted(zip(few_hashes.tolist(), few.need_labels("", 1).tolist())) if few else [],
    ]
    return ImageDomains(
        Split(learn, held, symbols),
        replace(there, labels=None),
        truth,
        few,
        hash_json(told),
        frozenset([*here.tolist(), *hashes.tolist(), *few_hashes.tolist()]),
        (*more, *notes, *(one.replace("test images", "images to choose by") for one in said)),
    )


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
