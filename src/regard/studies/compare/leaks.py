"""Has a representation seen the test pictures? By what its folder says it learned from, and by a folder that is named.

Exact: the content hashes that runs keep (`learning.learned`) against those of TEST. Near: a folder of the pictures that
an arm was pretrained on, compared with TEST by `reuse.duplicates`: the same file, or the same photograph changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...core.checks import bad
from ...data.imageset import ImageSet, concatenate
from ...data.sources import open_images
from ...learning.learned import read_learned
from ...reuse.duplicates.find import find_duplicates
from .arms import Entrant
from .contract import Sides

SHOWN = 5  # names in a message
HERE, THERE = "test/", "pretraining/"
COPIES = ("identical", "same photo")


@dataclass(frozen=True)
class Leak:
    """Test pictures that an arm has seen.

    Attributes:
        arm: its name.
        pictures: what the test pictures are called.
        how: `in what it learned from`, or `copies in FOLDER`.
    """

    arm: str
    pictures: tuple[str, ...]
    how: str

    def sentence(self) -> str:
        """It in words, with the first names."""
        more = f" and {len(self.pictures) - SHOWN} more" if len(self.pictures) > SHOWN else ""
        named = ", ".join(self.pictures[:SHOWN])
        return f"{self.arm} has seen {len(self.pictures)} picture(s) of TEST ({self.how}): {named}{more}"


def find_leaks(
    entrants: Mapping[str, Entrant], sides: Sides, folders: Mapping[str, object]
) -> tuple[list[Leak], list[str]]:
    """Leaks, and notes on what was checked and what could not be.

    Args:
        entrants: the arms.
        sides: the data.
        folders: by arm, the pictures that it was pretrained on, as `open_images` takes them.

    Raises:
        InputError: an arm that is not there, or a folder without pictures.
    """
    for name in folders:
        if name not in entrants:
            raise bad("--pretrained-on", name, f"the name of an arm: {', '.join(entrants)}", "Such as A=pictures.")
    leaks, notes = [], []
    for name, entrant in entrants.items():
        if entrant.drawn is not None:
            continue
        told = [read_learned(rep) for rep in entrant.runs]
        known = frozenset().union(*(one.pictures for one in told))
        rows = np.flatnonzero(np.isin(sides.hashes, sorted(known))) if known else np.zeros(0, int)
        if len(rows):
            leaks.append(Leak(name, _named(sides.test, rows), "in what it learned from"))
        unknown = list(dict.fromkeys(who for one in told for who in one.unknown))
        if known and not len(rows):
            notes.append(f"checked: none of the {len(known)} pictures that {name} learned from is in TEST.")
        if name in folders:
            near = _copies(sides.test, folders[name])
            if len(near):
                leaks.append(Leak(name, _named(sides.test, near), "copies in the folder of --pretrained-on"))
            else:
                notes.append(f"checked: no copy of a picture of TEST is in the folder that {name} was pretrained on.")
        elif unknown:
            said = ", ".join(unknown)
            notes.append(
                f"not checked: whether {name} has seen pictures of TEST, as {said} keeps no record of what it learned "
                f"from. Name the pictures to have them compared: --pretrained-on {name}=FOLDER."
            )
    return leaks, notes


def refuse(leaks: Sequence[Leak]) -> None:
    """Refuse to go on with leaks.

    Raises:
        InputError: there is one.
    """
    if leaks:
        fix = "Pretrain without them, take them out of TEST, or say --allow-leak, and the answer will tell of it."
        raise bad("TEST", "; ".join(one.sentence() for one in leaks), "pictures that no arm has seen", fix)


def _copies(test: ImageSet, folder: object) -> np.ndarray:
    """The rows of test pictures of which a copy is among others."""
    others = open_images(folder, argument="--pretrained-on")  # type: ignore[arg-type]
    plain = [_plain(test, HERE), _plain(others, THERE)]
    found = find_duplicates(concatenate(plain))
    names = set()
    for pair in found.pairs:
        sides = {one.startswith(HERE): one for one in (pair.a, pair.b)}
        if pair.kind in COPIES and len(sides) == 2:
            names.add(sides[True].removeprefix(HERE))
    # of pictures with one content a single pair is told: all of a group are copies of each other
    for group in found.groups:
        if any(one.startswith(THERE) for one in group):
            names |= {one.removeprefix(HERE) for one in group if one.startswith(HERE)}
    return np.flatnonzero(np.isin(test.ids, sorted(names)))


def _plain(images: ImageSet, front: str) -> ImageSet:
    ids = np.array([front + str(one) for one in images.ids])
    return replace(images.without_labels(), ids=ids, columns={}, root=None)


def _named(images: ImageSet, rows: np.ndarray) -> tuple[str, ...]:
    return tuple(images.called(int(row)) for row in rows)
