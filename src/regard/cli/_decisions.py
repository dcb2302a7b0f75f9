"""What `regard duplicates` remembers about pairs: one decision, many from a file, the list of all, one taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._out import say
from ._shared import table

Told = tuple[dict[str, Any], bool, Callable[[], None]]  # what `emit` takes


def run(
    index: str,
    pair: list[str] | None,
    decide: str | None,
    skip_gone: bool,
    listing: bool,
    undo: tuple[str, str] | None,
    allow_host: list[str] | None,
    json: bool,
) -> Told:
    """Do the one thing that is asked for; the arguments are those of the verb.

    Raises:
        InputError: several things, ids that are not there, a file that does not hold; nothing is changed then.
    """
    from ..core.checks import InputError, bad, check_choice
    from ..core.runtime import measured
    from ..reuse.duplicates.groups import VERDICTS

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
        known = Split(index, allow_host)
        if listing:
            told, human = _listed(known)
        elif undo is not None:
            told, human = _undone(known, *undo)
        elif pair:
            told, human = _decided(known, pair[0], pair[1], str(decide))
        else:
            told, human = _from_file(known, str(decide), skip_gone)
    told["metrics"] |= {"seconds": cost.seconds}
    return told, json, human


class Split:
    """An index's images by id, their contents, and the file of decisions.

    Attributes:
        path: the file of decisions.
    """

    def __init__(self, index: str, allow_host: list[str] | None) -> None:
        from ..core.checks import InputError
        from ..reuse.duplicates.groups import REMEMBERED
        from ..reuse.search.index.atomic_replace import CARD
        from ..reuse.search.index.search_index import SearchIndex

        if not (Path(index) / CARD).exists():
            raise InputError("--decide: expected an index, which remembers; make one with `regard index`.")
        self.index, self.path = index, Path(index) / REMEMBERED
        rows = SearchIndex.open(index, allow_host=allow_host).store.scan(["id", "path", "content"]).to_pylist()
        self.rows = {row["id"]: row for row in rows}

    def content_of(self, name: str) -> str | None:
        """The hash of an image's bytes as they are now, or where its file is gone as they were; None for no id."""
        from ..core.checks import bad
        from ..data.decode import DecodeError, content_hash, read

        if name not in self.rows:
            return None
        row = self.rows[name]
        try:
            return content_hash(read(Path(row["path"] or name)))
        except DecodeError as error:
            if row["content"]:
                return str(row["content"])
            raise bad("A B", f"{name!r} ({error})", "images that can be read") from error

    def names(self) -> dict[str, list[str]]:
        """The ids of each content that the index knows; files are read where it knows none."""
        from ..core.checks import InputError

        found: dict[str, list[str]] = {}
        for name, row in self.rows.items():
            try:
                content = row["content"] or self.content_of(name)
            except InputError:
                continue
            found.setdefault(str(content), []).append(name)
        return found


def _decided(known: Split, a: str, b: str, verdict: str) -> tuple[dict[str, Any], Callable[[], None]]:
    from ..core.checks import bad
    from ..reuse.duplicates.groups import decide

    contents = [_content(known, name) for name in (a, b)]
    if contents[0] == contents[1]:
        raise bad("A B", f"{a!r} and {b!r}, the same bytes", "two different images")
    held = decide(known.path, contents[0], contents[1], verdict)
    metrics = {"decided": 1, "remembered": len(held)}
    told = {"decided": verdict, "pair": [a, b], "decisions": known.path, "metrics": metrics}
    return told, lambda: say(f"{a} and {b}: {verdict}, remembered in {known.path}")


def _from_file(known: Split, path: str, skip_gone: bool) -> tuple[dict[str, Any], Callable[[], None]]:
    from ..reuse.duplicates.decisions_file import by_content, read_rows
    from ..reuse.duplicates.groups import decide_all

    chosen = by_content(read_rows(path), known.content_of, skip_gone=skip_gone)
    held = decide_all(known.path, chosen.verdicts)
    metrics = {"decided": len(chosen.verdicts), "remembered": len(held), "gone": len(chosen.gone)}
    told = {"decisions": known.path, "gone": list(chosen.gone), "metrics": metrics}

    def human() -> None:
        say(f"{len(chosen.verdicts)} decision(s) of {path} remembered in {known.path}, which holds {len(held)}")
        if chosen.alike:
            say(f"{chosen.alike} pair(s) are the same bytes, about which nothing need be remembered")
        for name in chosen.gone[:20]:
            say(f"gone: {name}")

    return told, human


def _listed(known: Split) -> tuple[dict[str, Any], Callable[[], None]]:
    from ..reuse.duplicates.groups import read_decisions

    names: dict[str, list[str]] = known.names()
    rows: list[dict[str, Any]] = []
    for (first, second), verdict in sorted(read_decisions(known.path).items()):
        rows.append(
            {"verdict": verdict, "a": names.get(first, []), "b": names.get(second, []), "hashes": [first, second]}
        )
    told = {"decisions": rows, "metrics": {"remembered": len(rows)}}

    def human() -> None:
        if rows:
            shown = [
                [row["verdict"], *(_named(row[key], row["hashes"][at]) for at, key in enumerate("ab"))] for row in rows
            ]
            table(["verdict", "image", "image"], shown)
        say(f"{len(rows)} decision(s) in {known.path}")

    return told, human


def _undone(known: Split, a: str, b: str) -> tuple[dict[str, Any], Callable[[], None]]:
    from ..reuse.duplicates.groups import undo

    held = undo(known.path, *(known.content_of(name) or name for name in (a, b)))
    told = {"undone": [a, b], "decisions": known.path, "metrics": {"remembered": len(held)}}
    return told, lambda: say(f"{a} and {b}: nothing is decided any more; {known.path} holds {len(held)}")


def _content(known: Split, name: str) -> str:
    from ..core.checks import bad

    found = known.content_of(name)
    if found is None:
        raise bad("A B", repr(name), f"an id of {known.index}")
    return found


def _named(ids: list[str], content: str) -> str:
    """An image by its ids; by its hash, which `--undo` takes too, where the index has it no more."""
    if not ids:
        return content
    return ids[0] + (f" and {len(ids) - 1} copies" if len(ids) > 1 else "")
