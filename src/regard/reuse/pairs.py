"""Two labelled sets of images, one to learn from and one to be scored on: opened, read through and kept apart."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..core.checks import bad
from ..core.runtime import threads
from ..core.storage import hash_json
from ..core.values import nearest
from ..data.decode import DecodeError, content_hash, decode, read
from ..data.imageset import ImageSet
from ..data.sampling import hold_out, one_part
from ..data.sources import open_images
from ..learning.objective import Split


def open_pair(train: Any, test: Any, seed: int) -> tuple[Split, list[str], str]:
    """Open and check both sets.

    Args:
        train: labelled images, as `open_images` takes them.
        test: the same, or None for the parts train and test of `train`, as its column `split` tells them, or to hold
            a quarter of it out, by identity where that column is known.
        seed: of that split.

    Returns:
        Both sets without what cannot be read, what is to be noted, and the hash of their contents and labels.

    Raises:
        InputError: no labels, one class, a test class that training lacks, an image in both sets, none readable.
    """
    learn = open_images(train, argument="TRAIN")
    if test is None:
        learn.need_labels("TRAIN")
        learn, held_out, notes = hold_out(learn, 0.25, seed)
    else:
        learn, notes = one_part(learn, "train", "TRAIN")
        held_out, more = one_part(open_images(test, argument="TEST"), "test", "TEST")
        notes += more
    labels, truth = learn.need_labels("TRAIN"), held_out.need_labels("TEST", 1)
    strange = np.setdiff1d(truth, labels)
    if len(strange):
        raise bad(
            "TEST",
            f"{len(strange)} class(es) that are not in train: {', '.join(map(str, strange[:5]))}",
            "classes from train",
            nearest(strange, labels) or "Add them to train, or leave them out of test.",
        )
    (learn, here), (held_out, there) = readable(learn, notes), readable(held_out, notes)
    same = held_out.ids[np.isin(there, here)]
    named = same[np.isin(same, learn.ids)]
    if len(named):
        raise bad(
            "TEST",
            f"{len(named)} image(s) that are in train too: {', '.join(map(str, named[:3]))}",
            "images that training has not seen",
            "Split first; a score on training images says nothing.",
        )
    if len(same):
        notes.append(f"leak? {len(same)} test image(s) are equal to one in train, such as {same[0]}.")
    learn.need_labels("TRAIN")
    pairs = [
        sorted(zip(names.tolist(), data.need_labels("", 1).tolist()))
        for names, data in ((here, learn), (there, held_out))
    ]
    return Split(learn, held_out, show_symbols(learn)), notes, hash_json(pairs)


def readable(images: ImageSet, notes: list[str]) -> tuple[ImageSet, np.ndarray]:
    """The images that can be decoded, and the hash of each one's bytes; the others are added to the notes.

    Raises:
        InputError: none of them can.
    """

    def one(row: int) -> tuple[str, str]:
        try:
            content = read(images.items[row])
            decode(content, 64)
        except DecodeError as error:
            return "", str(error)
        return content_hash(content), ""

    with ThreadPoolExecutor(threads()) as pool:
        found = list(pool.map(one, range(len(images))))
    aside = [
        *images.set_aside,
        *({"path": images.called(i), "cause": why} for i, (_, why) in enumerate(found) if why),
    ]
    notes += [f"{row['path']} was set aside: {row['cause']}" for row in aside]
    notes += [said for said in images.sentences() if said not in notes]
    good = np.array([i for i, (name, _) in enumerate(found) if name], int)
    if not len(good):
        raise bad("images", f"{len(images)} in {images.name} of which none can be read", "images", notes[-1])
    return images.subset(good), np.array([found[i][0] for i in good])


def show_symbols(images: ImageSet) -> bool:
    """Whether they are small pictures without colour, judged by up to 64 of them."""
    rows = np.unique(np.linspace(0, len(images) - 1, 64).astype(int))
    pixels = [decode(images.items[row]) for row in rows]
    grey = all(bool((p[0] == p[1]).all() and (p[1] == p[2]).all()) for p in pixels)
    return grey and float(np.median([min(p.shape[1:]) for p in pixels])) <= 64
