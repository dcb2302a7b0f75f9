"""Ids looked up in a store: what is known of those that were found, and which are not there."""

from collections.abc import Iterable

from ....core.checks import bad
from ....data.groundtruth.matching import Names
from ..store.protocol import Store
from .hits import Hit


def described(store: Store, named: list[list[tuple[str, float]]]) -> list[list[Hit]]:
    """Hits with the path and label that a store has for each id; one that was taken out in between is left out."""
    wanted = list({name: None for row in named for name, _ in row})
    rows = store.get(wanted, ["id", "path", "label"]).to_pylist()
    about = {row["id"]: (row["path"] or "", row["label"]) for row in rows}
    return [[Hit(name, score, *about[name]) for name, score in row if name in about] for row in named]


def check_known(store: Store, ids: Iterable[object]) -> None:
    """Refuse ids that are not in a store, with what is near the first of them."""
    names = [str(name) for name in ids]
    there = set(store.get(names, ["id"]).column("id").to_pylist())
    missing = [name for name in names if name not in there]
    if missing:
        every = store.scan(["id"]).column("id").to_pylist()
        near = Names({name: row for row, name in enumerate(every)}).hint(missing[0])
        got = f"{len(missing)} that are not in the index: {', '.join(missing[:3])}"
        raise bad("ids", got, "ids of the index", f"Near it: {near}." if near else "")
