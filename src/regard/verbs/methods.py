"""`regard.methods`: what can be named where a verb asks for a method."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..core.checks import check_choice
from ..core.discover import KINDS, names, summary
from ..report.html import Table
from ._result import Result, verb


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Methods(Result):
    """What can be named.

    Attributes:
        methods: kind -> name -> what it does.
    """

    verb: ClassVar[str] = "methods"
    methods: Mapping[str, Mapping[str, str]]

    def told(self) -> Mapping[str, object]:
        """The methods by kind."""
        return {"methods": self.methods}

    def shown(self) -> Iterator[str | Table]:
        """A line for each method."""
        rows = [(each, name, line) for each, lines in self.methods.items() for name, line in lines.items()]
        yield Table(["kind", "method", "what it does"], rows)


@verb
def methods(kind: str | None = None) -> Methods:
    """List the methods that can be named, by kind.

    A method is one file; methods of other installed packages are listed too.

    Args:
        kind: only this kind; `adapt` lists all that the verb takes, those of the kind `deep` too.

    Raises:
        InputError: no such kind.

    >>> "coral" in methods("adapt").methods["adapt"]
    True
    """
    kinds = list(KINDS) if kind is None else [check_choice("KIND", kind, KINDS)]
    if kind == "adapt":  # the verb takes both
        kinds.append("deep")
    found = {each: {name: summary(each, name) for name in names(each)} for each in kinds}
    return Methods(methods=found, metrics={each: len(found[each]) for each in kinds})
