"""Whether a table's folder is as it was left: a list of its files beside it, `files.json`, with a checksum of each.

LanceDB takes the newest version whose file it finds, so that one that is gone shows an older state without a word, or
an empty one; and it compares what lies in its files with nothing. The list is written after each write, under the
writer's lock. A file never changes once it is written, so that a write reads only what is new; a list that is behind,
because the writer was killed or is of an earlier version of regard, speaks for the files that it names.
"""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ....core.checks import InputError, bad
from ....core.storage import read_json, write_json

LIST = "files.json"
PARTS = ("_versions", "data", "_deletions", "_indices")  # of a table; tags and hints are written again and again
AT_ONCE = 2**28  # bytes up to which all is compared at opening: an eighth of a second
PIECE = 2**22


def note(place: str, table: str, version: int) -> None:
    """List the files of a table as they are now. O(bytes of the new ones), at about 2 GB/s.

    Nothing is listed at an object store's address, which compares checksums itself.
    """
    if "://" in place:
        return
    folder, known = Path(place) / f"{table}.lance", {}
    with suppress(OSError, InputError, LookupError, TypeError):
        known = dict(read_json(Path(place) / LIST)["files"])
    found = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        with suppress(FileNotFoundError):  # cleared away by another machine meanwhile
            found[name] = known.get(name) or [path.stat().st_size, _crc(path)]
    with suppress(OSError):  # what was written stands; the list is behind
        write_json(Path(place) / LIST, {"version": version, "files": found})


def check(place: str, table: str, version: int | None = None, *, data: bool = False) -> bool:
    """Compare a table with its list, where it has one: the versions, and its data where they are few or asked for.

    Args:
        place: the folder that holds the table.
        table: its name.
        version: the newest that is found there; None where that is known to be right.
        data: compare all files, however large they are.

    Returns:
        Whether all files were compared.

    Raises:
        InputError: the version that was written last is gone, or a file is not as it was written.
    """
    path, folder = Path(place) / LIST, Path(place) / f"{table}.lance"
    if "://" in place or not path.is_file():
        return True
    last, files = _read(path)
    if version is not None and version < last:
        raise _damaged(
            place,
            f"its version {last}, the last that was written, is gone from {table}.lance/_versions; "
            f"{version} is the newest there",
            f"To go on with version {version}, delete {LIST}.",
        )
    everything = data or sum(size for size, _ in files.values()) <= AT_ONCE
    for name, (size, crc) in files.items():
        file = folder / name
        # that one is gone LanceDB says itself, where it is still needed
        if not file.is_file() or not (everything or name.startswith("_versions/")):
            continue
        if file.stat().st_size != size or _crc(file) != crc:
            raise _damaged(place, f"{table}.lance/{name} is not as it was written")
    return everything


def _read(path: Path) -> tuple[int, dict[str, tuple[int, int]]]:
    try:
        found = read_json(path)
        return int(found["version"]), {str(k): (int(size), int(crc)) for k, (size, crc) in found["files"].items()}
    except (InputError, LookupError, TypeError, ValueError, AttributeError) as error:
        why = f"{LIST} cannot be read: {error}"
        raise _damaged(str(path.parent), why, f"To go on without comparing, delete {LIST}.") from None


def _files(folder: Path) -> Iterator[Path]:
    for part in PARTS:
        for path in sorted((folder / part).rglob("*")):
            if path.is_file() and (part != "_versions" or path.suffix == ".manifest"):
                yield path


def _crc(path: Path) -> int:
    crc = 0
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            crc = zlib.crc32(piece, crc)
    return crc


def _damaged(place: str, why: str, more: str = "") -> InputError:
    return bad(
        "index",
        f"{place!r}, whose table is damaged or missing ({why})",
        "a folder made by regard index",
        f"Make the index again from the images or the embeddings file, or put a copy back. {more}".strip(),
    )
