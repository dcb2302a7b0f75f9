"""What a new task can start from: representations below a folder, imagenet, a random one; and what each has seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..data.imageset import ImageSet
from ..learning.learned import learned_in
from ..representation.representation import Representation
from ..representation.untrained import random_arm
from .lineage import Lineage
from .record import BUNDLED

RANDOM, NETWORK = "random", "convnet4"  # the network of a random candidate, where the folder holds none
SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Candidate:
    """One of them.

    Attributes:
        name: a folder's, `imagenet` or `random`.
        what: what it is, in words.
        folders: where its weights are, several with one fingerprint and other heads perhaps.
    """

    name: str
    what: str
    folders: tuple[Path, ...] = ()


def candidates(lineage: Lineage, notes: list[str]) -> list[Candidate]:
    """imagenet, the folder's representations with those of equal weights taken together, and a random network."""
    found = [Candidate(BUNDLED, "the bundled representation, with ImageNet's labels")]
    by_print: dict[str, int] = {}
    ordered = sorted(lineage.nodes, key=lambda name: (len(lineage.line(name)), name))
    for name in ordered:
        node, path = lineage.nodes[name], lineage.root / name
        at = by_print.get(node.fingerprint) if node.fingerprint else None
        if at is not None:
            found[at] = replace(found[at], folders=(*found[at].folders, path))
            notes.append(f"{name} has the weights of {found[at].name}: one candidate.")
            continue
        by_print[node.fingerprint] = len(found)
        what = " → ".join(lineage.tasks(name)) or node.name
        # a folder of one of these names must not pass for it
        called = f"./{name}" if name in (BUNDLED, RANDOM) else name
        found.append(Candidate(called, what, (path,)))
    if len(found) == 1:
        notes.append(f"No representation below {lineage.root}: imagenet and a random network are all there is.")
    return [*found, Candidate(RANDOM, "weights as they are drawn")]


def unseen_heads(one: Candidate, lineage: Lineage, hashes: np.ndarray, notes: list[str]) -> Candidate:
    """The candidate without further folders of its weights whose classifier learned from pictures of TASK.

    Its weights did not; LEEP by such a classifier would say what it remembers.
    """
    kept = []
    for place in one.folders[1:]:
        name = place.relative_to(lineage.root).as_posix()
        if np.isin(hashes, sorted(learned_in(place, lineage.nodes[name].card, name).pictures) or [""]).any():
            notes.append(f"{name} has learned from pictures of TASK with the weights of {one.name}: no LEEP by it.")
        else:
            kept.append(place)
    return replace(one, folders=(*one.folders[:1], *kept))


def leaks_of(
    lineage: Lineage, wanted: Sequence[Candidate], images: ImageSet, hashes: np.ndarray, notes: list[str]
) -> list[str]:
    """Sentences on candidates that have learned from pictures of TASK; notes on what could not be checked."""
    found, silent = [], [BUNDLED]
    for one in wanted:
        if not one.folders:
            continue
        name = one.folders[0].relative_to(lineage.root).as_posix()
        told = learned_in(one.folders[0], lineage.nodes[name].card, one.name)
        rows = np.flatnonzero(np.isin(hashes, sorted(told.pictures) or [""]))
        if len(rows):
            names = ", ".join(images.called(int(row)) for row in rows[:SHOWN])
            more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
            found.append(f"{one.name} has learned from {len(rows)} picture(s) of TASK: {names}{more}")
        elif one.name in told.unknown:
            silent.append(one.name)
    notes.append(f"not checked: whether {', '.join(silent)} learned from pictures of TASK; no record is kept of that.")
    return found


def opened(one: Candidate, like: Representation | None, seed: int, device: str) -> Representation:
    """Load one; the random network is like `like`, where there is such a representation."""
    if one.name == RANDOM:
        found = Representation.load(f"random:{NETWORK}:{seed}") if like is None else random_arm(like, seed)
        found.encoder.eval().to(device)
        return found
    return Representation.load(one.folders[0] if one.folders else BUNDLED, device)
