"""What is wrong with an annotation: which file, which object, why, and what was done about it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

CLIPPED = "clipped"
ASIDE = "set aside"
NOTED = "noted"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a file of annotations.

    Attributes:
        path: the file, as a message calls it.
        cause: in plain words, such as "partly outside the picture".
        done: "clipped" (the object stays, smaller), "set aside" (it is left out) or "noted" (it stays as it is).
        place: which object of the file, from 0; None where the whole file is meant.
    """

    path: str
    cause: str
    done: str = ASIDE
    place: int | None = None

    def to_dict(self) -> dict[str, str]:
        """As `ImageSet.set_aside` has it: path (with the object's number from 1) and cause, and what was done."""
        where = self.path if self.place is None else f"{self.path} (object {self.place + 1})"
        return {"path": where, "cause": self.cause, "done": self.done}


def counted(faults: Iterable[Fault]) -> dict[str, int]:
    """How many there are of each kind.

    >>> counted([Fault("a.xml", "no area", place=0), Fault("b.xml", "no area", place=2)])
    {'set aside: no area': 2}
    """
    return dict(sorted(Counter(f"{fault.done}: {fault.cause}" for fault in faults).items()))
