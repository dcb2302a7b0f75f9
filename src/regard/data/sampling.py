"""Which images are for training and which for testing: fixed by their ids, stratified, and free of leaks.

Whether an image is tested depends on a hash of (seed, id): no list is kept, the order of files does not matter, and
the same image falls on the same side on another machine. Within a class, images are ranked by that hash and the first
`test` share is tested, so that proportions hold. One image more in a class therefore moves at most one of the others
in it across the cut (a fixed threshold on the hash would move none, but then the share is only right on average, which
in a class of ten is not good enough). Other classes do not move at all.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.checks import bad, check_choice, check_labels, check_number
from ..core.runtime import derive_seed, numpy_rng
from ..core.values import as_text, gaps, group_codes
from ._complete import completed, lacking, stratified
from ._layout import part_name
from .imageset import ImageSet


def split(images: ImageSet, test: float = 0.25, seed: int = 0, by: str | None = None) -> tuple[ImageSet, ImageSet]:
    """Split into (train, test), stratified by label where there are labels.

    Args:
        images: at least two images, and two of each class.
        test: share of the images to test on, in (0, 1); each class rounds it for itself and keeps one on either side.
        seed: another seed gives another split.
        by: a column, such as `identity`: all images that share a value go to the same side. Where each value has one
            label, values are ranked within the class, and the cut falls where the share of images comes nearest to
            `test`; where a value has several labels, values are ranked together, and where a class would be on one
            side only, as few images as can be change sides.

    Raises:
        InputError: `test` outside (0, 1), an unknown column or one with gaps, or a class that would be on one side
            only.
    """
    return _cut(images, images.ids if by is None else _column(images, by), test, seed, by)


def hold_out(
    images: ImageSet, test: float = 0.25, seed: int = 0, by: str | None = None
) -> tuple[ImageSet, ImageSet, list[str]]:
    """The part to learn from, the part to be scored on, and notes, where only one set was named.

    Where a column `split` tells train and test rows apart, these are the parts, as whoever made the data set meant
    them (`parts`). Without that column, `split`: by `by`, or by `identity` where that is known, and an image without
    one is a thing of its own.

    Raises:
        InputError: `by` beside such a column, several parts of which none is train, or as `parts` and `split`.
    """
    held = parts(images)
    if held:
        if by is not None:
            raise bad("by", repr(by), "no cut, as the column `split` of the images tells train and test apart")
        return held["train"], held["test"], [_note(images, held, part) for part in ("train", "test")]
    _check_unmixed(images)
    if by is None and "identity" in images.columns:
        groups = group_names(images.columns["identity"], images.ids, "identity")
        learn, held_out = _cut(images, groups, test, seed, "identity")
    else:
        learn, held_out = split(images, test, seed, by)
    return learn, held_out, [f"No test images were named: {len(held_out)} of the training images were held out."]


def one_part(data: Any, part: str, argument: str) -> tuple[Any, list[str]]:
    """The rows of `part` (train | test), and a note on it, where a column `split` holds both; else all rows.

    So that training on a set whose official test part lies in the same folder or table does not see that part.
    """
    held = parts(data)
    return (held[part], [f"{argument}: {_note(data, held, part)}"]) if held else (data, [])


def is_part(data: Any) -> bool:
    """Whether the column `split` says of some of these rows that they are test or val, as whoever made the set did."""
    given = as_text("split", data.columns.get("split", []))
    return any(part_name(name) in ("test", "val") for name in np.unique(given).tolist())


def parts(data: Any) -> dict[str, Any]:
    """The train and test parts of images or vectors, by their column `split`; empty where it does not tell both.

    `val` stands in for a test part that is not there, and is else left out.

    Raises:
        InputError: gaps beside train and test, or names that are no parts.
    """
    if "split" not in data.columns:
        return {}
    given = as_text("split", data.columns["split"])
    names = np.array([part_name(name) or name for name in given.tolist()])
    held = set(names.tolist())
    if "train" not in held or not held & {"test", "val"}:
        return {}
    strange = sorted(held - {"train", "test", "val"})
    if strange:
        raise bad(
            "split",
            f"{strange[0]!r} in {int((names == strange[0]).sum())} of {len(names)} rows of the column `split`",
            "train, test or val in each row",
            "Complete the column, or drop it.",
        )
    held_out = "test" if "test" in held else "val"
    return {part: data.subset(names == name) for part, name in (("train", "train"), ("test", held_out))}


def _check_unmixed(images: Any) -> None:
    """Refuse to draw over parts that whoever made the set keeps apart: test and val, without a part to learn from."""
    given = as_text("split", images.columns.get("split", []))
    known = sorted({name for name in np.unique(given).tolist() if part_name(name)})
    if len({part_name(name) for name in known}) > 1:
        raise bad(
            "split",
            f"the parts {', '.join(known)} in the column `split`, and no train to learn from",
            "train beside test or val, or one part alone",
            "Name what to learn from as TRAIN and what to be scored on as TEST, each by its own folder or table.",
        )


def _note(data: Any, held: dict[str, Any], part: str) -> str:
    left = len(data) - sum(map(len, held.values()))
    more = f" ({left} of other parts were left out)" if left else ""
    return f"{len(held[part])} are of the part {part} by the column `split`{more}."


def group_names(values: Any, ids: np.ndarray, argument: str = "groups") -> np.ndarray:
    """As `group_codes`, with a name for each group that does not depend on the other samples: its text, or the id."""
    texts, blank = as_text(argument, values).astype(object), gaps(values)
    texts[blank] = [f"\n{name}" for name in np.asarray(ids)[blank]]  # no tidied text starts with a line's end
    return texts.astype(np.str_)


def _cut(images: ImageSet, groups: np.ndarray, test: float, seed: int, by: str | None) -> tuple[ImageSet, ImageSet]:
    check_number("test", test, 0, 1, open_low=True)
    if test == 1:
        raise bad("test", test, "a share below 1", "Something must be left to train on.")
    labels = np.full(len(images), "all") if images.labels is None else images.labels
    classes, of_class = np.unique(labels, return_inverse=True)
    names, of_group = np.unique(groups, return_inverse=True)
    order = np.argsort(np.argsort([_hash(seed, str(name)) for name in names]))  # the rank of each group's hash
    several = np.unique(np.stack([of_group, of_class]), axis=1).shape[1] > len(names)
    strata = np.zeros(len(images), dtype=int) if several else of_class
    tested = np.zeros(len(images), dtype=bool)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        tested[rows] = _first(order[of_group[rows]], test)
    if several:
        sides = np.zeros(len(names), int)
        sides[of_group[tested]] = 1
        found = completed(sides, of_class, of_group, 2)
        tested = tested if found is None else found[of_group] == 1
    for code, name in enumerate(classes):
        sides = tested[of_class == code]
        if sides.all() or not sides.any():
            held = len(np.unique(of_group[of_class == code]))
            raise bad(
                "images" if by is None else by,
                f"{held} in {'the set' if images.labels is None else f'class {str(name)!r}'}, all on one side",
                f"at least two different {'images' if by is None else f'values of {by}'}, one for each side",
                "Add images, or leave the class out." if held < 2 else "No cut has every class on both sides.",
            )
    return images.subset(~tested, f"{images.name} (train)"), images.subset(tested, f"{images.name} (test)")


def few_shot(labels: Any, k: int, seed: int = 0) -> np.ndarray:
    """Draw k samples of each class: sorted places, (k * classes,).

    With the same seed a smaller k draws a part of what a larger k draws, so that curves over k compare like with
    like; and a class draws the same whatever the other classes hold.

    Raises:
        InputError: a class has fewer than k samples.

    >>> few_shot(np.array(["a", "b", "a", "b"]), 2)
    array([0, 1, 2, 3])
    """
    check_number("k", k, 1, whole=True)
    labels = check_labels("labels", labels, len(labels))
    drawn = []
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        if len(rows) < k:
            raise bad("k", k, f"at most {len(rows)}, all that class {str(name)!r} has", "Ask for fewer, or add images.")
        drawn.append(numpy_rng(seed, "few_shot", name).permutation(rows)[:k])
    return np.sort(np.concatenate(drawn))


def folds(
    labels: Any, n: int, seed: int = 0, groups: Sequence[Any] | np.ndarray | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut samples into n folds, stratified by label: n pairs (train, test) of sorted places.

    With `groups` all samples of a group are in the same fold, and stratification is as good as that allows; a sample
    without a group (a gap) is one of its own. Every training part has every class: where groups span classes and
    stratification alone would lose one, as few samples as can be change folds.

    Raises:
        InputError: a class has fewer samples, or groups, than there are folds; or the groups span classes in such a
            way that some training part lacks a class however they are dealt out.
    """
    from sklearn.model_selection import StratifiedKFold

    check_number("folds", n, 2, whole=True)
    labels = check_labels("labels", labels, len(labels))
    if groups is not None:
        groups = check_labels("groups", group_codes(groups), len(labels))
    units = np.arange(len(labels)) if groups is None else groups
    for name in np.unique(labels):
        held = len(np.unique(units[labels == name]))
        if held < n:
            what = "samples" if groups is None else "groups"
            raise bad("folds", n, f"at most {held}, the {what} that class {str(name)!r} has", "Ask for fewer.")
    if groups is None:
        cut = StratifiedKFold(n, shuffle=True, random_state=derive_seed(seed, "folds") % 2**32)
        return list(cut.split(np.zeros(len(labels)), labels))
    codes, of_group = np.unique(labels, return_inverse=True)[1], np.unique(units, return_inverse=True)[1]
    sides = stratified(codes, of_group, n, seed)
    found = completed(sides, codes, of_group, n)
    if found is None:
        short = labels[codes == lacking(sides, codes, of_group)[0]][0]
        raise bad(
            "groups",
            f"groups that span classes so that some training part of {n} has no {str(short)!r}",
            "groups that can be dealt out with every class in every training part",
            "Hold out whole groups by hand, or merge classes.",
        )
    return [(np.flatnonzero(found[of_group] != fold), np.flatnonzero(found[of_group] == fold)) for fold in range(n)]


def _hash(seed: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}|{name}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")


def _column(images: ImageSet, by: str) -> np.ndarray:
    check_choice("by", by, images.columns)
    blank = int(gaps(images.columns[by]).sum())
    if blank:
        raise bad("by", f"{blank} of {len(images)} images without {by}", "a value for each image")
    return as_text(by, images.columns[by])


def _first(ranks: np.ndarray, share: float) -> np.ndarray:
    """Which samples belong to the groups of lowest rank that together come nearest to the share; never all or none."""
    groups, sizes = np.unique(ranks, return_counts=True)
    if len(groups) < 2:
        return np.zeros(len(ranks), dtype=bool)
    filled = np.cumsum(sizes)[:-1]
    cut = groups[np.argmin(np.abs(filled - share * len(ranks)))]
    return ranks <= cut
