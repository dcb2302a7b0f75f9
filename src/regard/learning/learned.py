"""Which pictures a run learned from, by their contents: a file beside its card, so that the card stays small.

`learned.json` holds `pictures`, the sorted content hashes of all pictures that the run was given (held-out ones too, as
they may have chosen its weights) and of those that its parents learned from, and `unknown`, the parents that do not
say. So whoever scores a representation can tell whether it has seen the test pictures. Runs of before have no such
file, and of these nothing is told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.records import listed, read_record, text
from ..core.storage import write_json
from ..representation.representation import Representation

LEARNED = "learned.json"
DRAWN = "drawn at random"  # what a card says of random weights
_DENSE = "scores.json"  # of dense runs of before, which has the same under `learned`


@dataclass(frozen=True)
class Learned:
    """What is known of the pictures that a representation learned from.

    Attributes:
        pictures: content hashes.
        unknown: representations, itself or parents, that do not say what they learned from.
    """

    pictures: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()


def write_learned(
    folder: Path, pictures: Iterable[str], parent: Representation | Sequence[Representation] | None
) -> None:
    """Write the file into a run's folder; `parent` is what the run started from, several too; None: fresh weights."""
    several = [parent] if isinstance(parent, Representation) else parent or ()
    before = [read_learned(one) for one in several]
    known = set(pictures).union(*(one.pictures for one in before)) - {""}
    unknown = dict.fromkeys(name for one in before for name in one.unknown)
    write_json(folder / LEARNED, {"pictures": sorted(known), "unknown": list(unknown)})


def read_learned(rep: Representation) -> Learned:
    """What a representation learned from, as far as its folder says.

    Raises:
        InputError: a file that is no such record.
    """
    return learned_in(rep.folder, rep.card, rep.loaded_from or rep.name)


def learned_in(folder: Path | None, card: Mapping[str, Any], name: str) -> Learned:
    """The same of a folder whose weights need not be loaded.

    Args:
        folder: the representation's; None where it has none.
        card: of it.
        name: what to call it among the unknown ones.
    """
    if str(card.get("made_by", "")) == DRAWN:
        return Learned()
    if folder is not None and (folder / LEARNED).is_file():
        told = read_record(folder / LEARNED, {"pictures": listed(text), "unknown": listed(text)})
        return Learned(frozenset(told["pictures"]), tuple(told["unknown"]))
    if folder is not None and (folder / _DENSE).is_file():
        told = read_record(folder / _DENSE, {"learned": listed(text)})
        return Learned(frozenset(told["learned"]), (f"the parent of {name}",))
    return Learned(frozenset(), (name,))
