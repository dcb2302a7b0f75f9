"""Streams described in a small TOML file: a name, a seed, and a `[[tasks]]` table for each part.

```toml
name = "more_and_more"
seed = 0

[[tasks]]
name = "digits"
scenario = "class-incremental"
train = "builtin:digits"
classes_per_task = 2

[[tasks]]
name = "scenes"
kind = "segment"
train = "builtin:scenes"
test = "builtin:scenes_b"
```

Paths start at the file's own folder. A stream is made longer by a further table at the end.
"""

import inspect
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...core.checks import InputError, bad, check_choice, check_number, nearest_names
from ...core.reading import read_bytes
from ..corrupted import PREFIX
from .blurry import blurry
from .builtin import builtin_stream, builtin_stream_names
from .part import Part
from .scenarios import class_incremental, data_incremental, domain_incremental, mixed, online, single
from .stream import Stream

MOST = 2**20  # bytes of a file
BUILTIN = "builtin:"
SCENARIOS: dict[str, Callable[..., Stream]] = {
    "single": single,
    "class-incremental": class_incremental,
    "data-incremental": data_incremental,
    "domain-incremental": domain_incremental,
    "online": online,
    "blurry": blurry,
}
_TOP = ("name", "seed", "tasks")


def open_stream(source: Stream | str | Path, seed: int | None = None, *, argument: str = "STREAM") -> Stream:
    """Open a stream: a TOML file, `builtin:digits_5x2`, `builtin:mixed`, or a stream as it is.

    Args:
        source: see above.
        seed: in place of the one that the file names: another order of classes, another cut.
        argument: what to call it in messages.

    Raises:
        InputError: no such file or name, no TOML, a key that is not known (with the nearest one), or what the parts
            themselves refuse, with the file and the number of the table.
    """
    if seed is not None:
        check_number("seed", seed, 0, whole=True)
    if isinstance(source, Stream):
        if seed is not None and seed != source.seed:
            raise bad("seed", seed, f"{source.seed}, by which this stream was cut", "Name its file, to cut it anew.")
        return source
    text = str(source)
    if text.startswith(BUILTIN):
        return builtin_stream(text.removeprefix(BUILTIN), seed or 0)
    if Path(text).suffix.lower() != ".toml":
        known = ", ".join(f"{BUILTIN}{name}" for name in builtin_stream_names())
        raise bad(argument, repr(text), f"a .toml file that describes a stream, or one of {known}")
    file = Path(text).expanduser()
    return _made(_parsed(file), file, seed)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_bytes(file, "a TOML file", MOST).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise bad(str(file), f"what is none ({error})", "a TOML file") from None


def _made(told: Mapping[str, Any], file: Path, seed: int | None) -> Stream:
    _check_keys(str(file), told, _TOP)
    name = told.get("name", file.stem)
    if not isinstance(name, str) or not name.strip():
        raise bad(f"{file}: name", repr(name), "text")
    own = check_number(f"{file}: seed", told.get("seed", 0), 0, whole=True)
    tables = told.get("tasks")
    if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
        raise bad(f"{file}: tasks", "none" if not tables else repr(tables)[:80], "at least one table [[tasks]]")
    streams = []
    for number, table in enumerate(tables, 1):
        where = f"{file}: tasks {number}"
        try:
            streams.append(_part(table, file.parent, own if seed is None else seed))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    try:
        return mixed(name, *streams, seed=own if seed is None else seed)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _part(table: Mapping[str, Any], folder: Path, seed: int) -> Stream:
    given = dict(table)
    scenario = check_choice("scenario", given.pop("scenario", "single"), SCENARIOS)
    cut = SCENARIOS[scenario]
    settings = [name for name in inspect.signature(cut).parameters if name != "data"]
    known = [one.name for one in fields(Part)] + (["sources"] if cut is domain_incremental else [])
    _check_keys("", given, [*known, *settings, "scenario"], f"the scenario {scenario}")
    if not isinstance(given.get("name"), str) or not given["name"].strip():
        raise bad("name", repr(given.get("name")), "a name, by which its tasks are called")
    if "sources" in given:
        if "train" in given:
            raise bad("sources", "both `train` and `sources`", "one of them")
        if not isinstance(given["sources"], dict):
            raise bad("sources", repr(given["sources"]), "a table of sources by domain")
        given["train"] = given.pop("sources")
    if "train" not in given:
        raise bad("train", "nothing", "images to learn from", 'For example train = "builtin:digits".')
    for name in ("train", "test"):
        if name in given:
            given[name] = _located(given[name], folder)
    of_cut = {name: given.pop(name) for name in settings if name in given and name != "chunk"}
    return cut(Part(**{"seed": seed, **given}), **of_cut)


def _located(source: Any, folder: Path) -> Any:
    """A path from the file's folder on; names of built-in sets and shares as they are."""
    if isinstance(source, Mapping):
        return {name: _located(one, folder) for name, one in source.items()}
    if not isinstance(source, str) or source.startswith(BUILTIN):
        return source
    if source.startswith(PREFIX):
        parts = source.split(":", 3)
        return ":".join([*parts[:3], *(str(_located(one, folder)) for one in parts[3:])])
    return str(folder / Path(source).expanduser())


def _check_keys(
    where: str, told: Mapping[str, Any], known: list[str] | tuple[str, ...], what: str = "a stream"
) -> None:
    for key in told:
        if key not in known:
            near = nearest_names(key, known, 1)
            fix = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(dict.fromkeys(known))}."
            raise bad(f"{where}: {key}" if where else key, "a key that is not known", f"a key of {what}", fix)
