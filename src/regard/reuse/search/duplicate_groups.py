"""What people have decided about pairs of images, kept in a file, and groups of copies that respect it.

Decisions are by content, so that they hold after a file is renamed or moved: {"HASH HASH": "same" | "different"}.
"""

from collections.abc import Iterable
from pathlib import Path

from ...core.checks import bad, check_choice
from ...core.storage import read_json, write_json

VERDICTS = ("same", "different")
REMEMBERED = "decisions.json"  # in an index's folder
Decisions = dict[tuple[str, str], str]


def read_decisions(path: str | Path) -> Decisions:
    """Read the decisions of a file; none where there is no file; raises InputError where it is another kind of file."""
    if not Path(path).exists():
        return {}
    held = read_json(path)
    if not isinstance(held, dict) or any(len(key.split()) != 2 or held[key] not in VERDICTS for key in held):
        raise bad("decisions", str(path), 'a JSON object of "HASH HASH": "same" or "different"')
    return {ordered(*key.split()): verdict for key, verdict in held.items()}


def decide(path: str | Path, first: str, second: str, verdict: str) -> Decisions:
    """Remember that two images, by content hash (`data.decode.content_hash`), are the same or different.

    The file is written beside and renamed; a later verdict takes the place of an earlier one. Returns all decisions.

    Raises:
        InputError: an unknown verdict, or twice the same image.
    """
    check_choice("verdict", verdict, VERDICTS)
    if first == second:
        raise bad("second", second, "another image than the first")
    known = read_decisions(path)
    known[ordered(first, second)] = verdict
    write_json(path, {" ".join(key): value for key, value in sorted(known.items())})
    return known


def ordered(first: str, second: str) -> tuple[str, str]:
    """The two as a key, whichever comes first."""
    return (first, second) if first <= second else (second, first)


def grouped(n: int, links: Iterable[tuple[int, int]], apart: Iterable[tuple[int, int]] = ()) -> list[list[int]]:
    """Groups of what is linked, directly or through others, by union-find; single ones are left out.

    A link that would bring a pair of `apart` into one group is not followed, so the surest links go first.

    >>> grouped(5, [(0, 1), (1, 2), (3, 4)], apart=[(0, 2)])
    [[0, 1], [3, 4]]
    """
    root = list(range(n))
    members = {place: [place] for place in root}
    foes: dict[int, set[int]] = {}
    for i, j in apart:
        foes.setdefault(i, set()).add(j)
        foes.setdefault(j, set()).add(i)
    for i, j in links:
        one, other = root[i], root[j]
        if one == other:
            continue
        if len(members[one]) < len(members[other]):
            one, other = other, one
        barred = set().union(*(foes.get(place, ()) for place in members[other])) if foes else set()
        if any(root[place] == one for place in barred):
            continue
        # the smaller group is renamed: O(n log n) in all
        for place in members[other]:
            root[place] = one
        members[one] += members.pop(other)
    return sorted(sorted(group) for group in members.values() if len(group) > 1)
