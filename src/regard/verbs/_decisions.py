"""What `duplicates` remembers about pairs: one decision, many from a file, the list of all, one taken back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.checks import InputError, bad, check_choice
from ..core.runtime import measured
from ..report.html import Table
from ..reuse.duplicates.groups import VERDICTS
from ..reuse.duplicates.remembered import IndexDecisions
from ._given import SHOWN
from ._result import Result

Told = tuple[dict[str, object], dict[str, float | None], list[str | Table]]  # for JSON, metrics, for a terminal


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Remembering(Result):
    """What was remembered, listed or taken back.

    Attributes:
        path: the file of decisions.
        about: what JSON tells of it.
        lines: what a terminal shows.
    """

    verb: ClassVar[str] = "duplicates"
    path: Path
    about: Mapping[str, object]
    lines: Sequence[str | Table]

    def told(self) -> Mapping[str, object]:
        """What was decided, about which images."""
        return self.about

    def shown(self) -> Iterator[str | Table]:
        """The decisions, or what was done with one."""
        yield from self.lines


def about_decisions(
    index: str | Path,
    pair: Sequence[str],
    decide: str | Path | None,
    skip_gone: bool,
    listing: bool,
    undo: tuple[str, str] | None,
    allow_host: str | Sequence[str] | None,
) -> Remembering:
    """Do the one thing that is asked for; the arguments are those of the verb.

    Raises:
        InputError: several things, ids that are not there, a file that does not hold; nothing is changed then.
    """
    if (decide is not None) + listing + (undo is not None) > 1:
        raise InputError("--decide, --decisions, --undo: expected one of them, got several.")
    if pair and (decide is None or len(pair) != 2):
        raise bad("A B", " ".join(pair), "two ids, and --decide same or --decide different")
    if pair:
        check_choice("verdict", str(decide), VERDICTS)
    if decide in VERDICTS and not pair:
        raise bad("A B", "nothing", f"two ids beside --decide {decide}")
    if skip_gone and (decide is None or decide in VERDICTS):
        raise InputError("--skip-gone: expected --decide FILE beside it.")
    with measured() as cost:
        known = IndexDecisions(index, allow_host)
        if listing:
            about, metrics, lines = _listed(known)
        elif undo is not None:
            about, metrics, lines = _undone(known, *undo)
        elif pair:
            about, metrics, lines = _decided(known, pair[0], pair[1], str(decide))
        else:
            about, metrics, lines = _from_file(known, str(decide), skip_gone)
    return Remembering(path=known.path, about=about, lines=lines, metrics=metrics | {"seconds": cost.seconds})


def _decided(known: IndexDecisions, a: str, b: str, verdict: str) -> Told:
    held = known.decide(a, b, verdict)
    about = {"decided": verdict, "pair": [a, b], "decisions": known.path}
    return about, {"decided": 1, "remembered": len(held)}, [f"{a} and {b}: {verdict}, remembered in {known.path}"]


def _from_file(known: IndexDecisions, path: str, skip_gone: bool) -> Told:
    chosen, held = known.decide_file(path, skip_gone=skip_gone)
    many = len(chosen.verdicts)
    lines: list[str | Table] = [f"{many} decision(s) of {path} remembered in {known.path}, which holds {len(held)}"]
    if chosen.alike:
        lines.append(f"{chosen.alike} pair(s) are the same bytes, about which nothing need be remembered")
    lines += [f"gone: {name}" for name in chosen.gone[:SHOWN]]
    metrics: dict[str, float | None] = {"decided": many, "remembered": len(held), "gone": len(chosen.gone)}
    return {"decisions": known.path, "gone": list(chosen.gone)}, metrics, lines


def _listed(known: IndexDecisions) -> Told:
    held = known.listed()
    rows = [{"verdict": one.verdict, "a": one.a, "b": one.b, "hashes": list(one.hashes)} for one in held]
    shown = [[one.verdict, _named(one.a, one.hashes[0]), _named(one.b, one.hashes[1])] for one in held]
    lines: list[str | Table] = [Table(["verdict", "image", "image"], shown)] if shown else []
    lines.append(f"{len(held)} decision(s) in {known.path}")
    return {"decisions": rows}, {"remembered": len(held)}, lines


def _undone(known: IndexDecisions, a: str, b: str) -> Told:
    held = known.undo(a, b)
    told = f"{a} and {b}: nothing is decided any more; {known.path} holds {len(held)}"
    return {"undone": [a, b], "decisions": known.path}, {"remembered": len(held)}, [told]


def _named(ids: Sequence[str], content: str) -> str:
    """An image by its ids; by its hash, which `--undo` takes too, where the index has it no more."""
    if not ids:
        return content
    return ids[0] + (f" and {len(ids) - 1} copies" if len(ids) > 1 else "")
