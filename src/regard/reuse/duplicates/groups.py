"""What people have decided about pairs of images, kept in a file, and groups of copies that respect it.

By content, so that decisions hold after a file is renamed or moved: {"HASH HASH": "same" | "different"}. Each change
reads and writes the file under the lock of the index that it is in, as additions do.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ...core.checks import RunError, bad, check_choice
from ...core.storage import read_json, write_json
from ..search.store.lock import LOCK, locked

VERDICTS = ("same", "different")
REMEMBERED = "decisions.json"  # in an index's folder
Pair = tuple[str, str]
Decisions = dict[Pair, str]


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

    A later verdict takes the place of an earlier one. Returns all decisions.

    Raises:
        InputError: an unknown verdict, or twice the same image.
        RunError: the file cannot be written.
    """
    return decide_all(path, {(first, second): verdict})


def decide_all(path: str | Path, verdicts: Mapping[Pair, str]) -> Decisions:
    """Remember several decisions, all of them or none; otherwise as `decide`."""
    for (first, second), verdict in verdicts.items():
        check_choice("verdict", verdict, VERDICTS)
        if first == second:
            raise bad("second", second, "another image than the first")
    new = {ordered(*pair): verdict for pair, verdict in verdicts.items()}
    return _changed(path, lambda known: known | new)


def undo(path: str | Path, first: str, second: str) -> Decisions:
    """Take back what was decided about a pair, by content hash; raises InputError where nothing was."""

    def without(known: Decisions) -> Decisions:
        if ordered(first, second) not in known:
            raise bad("--undo", f"{first} and {second}", "a pair about which something was decided", "See --decisions.")
        return {pair: verdict for pair, verdict in known.items() if pair != ordered(first, second)}

    return _changed(path, without)


def ordered(first: str, second: str) -> Pair:
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


def _changed(path: str | Path, change: Callable[[Decisions], Decisions]) -> Decisions:
    """Read, change and write as one step; the file is written beside and renamed."""
    folder = Path(path).parent
    _wait_for_replace(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        now = change(read_decisions(path))
        try:
            write_json(path, {" ".join(key): value for key, value in sorted(now.items())})
        except OSError as error:
            raise RunError(f"decisions: {str(path)!r} cannot be written: {error}") from error
    return now


def _wait_for_replace(folder: Path, patience: float = 10.0) -> None:
    """Wait while the old folder is moved away, and the new one not yet in: moments, unless that was killed."""
    until = time.monotonic() + patience
    while not folder.exists() and any(folder.parent.glob(f".{folder.name}.*.old")):
        if time.monotonic() > until:
            raise RunError(f"decisions: {str(folder)!r} is being replaced. Try again.")
        time.sleep(0.01)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold an index's lock; of another folder, in which no lock file should be left, the folder itself."""
    if (folder / LOCK).exists():
        with locked(str(folder)):
            yield
        return
    import fcntl

    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
