"""Checksums of a saved folder's files: written into its card, compared when it is loaded.

JSON counts by what it says, so that another way of ending lines changes nothing; any other file by its bytes. They find
what copying, a bad disk or a mixture of two folders did. They are no signature: who can write the folder can write the
card.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core.checks import InputError, bad
from ..core.records import mapped, text
from ..core.storage import hash_file, hash_json, inside, read_json

KEY = "checksums"  # in the card
RESULTS = "results"  # in a run's card: of files that say what came out, and that no network needs
AGAIN = "Copy the folder again, or make it again."


def checksum(path: Path, about: object = None) -> str:
    """Hash of one file: of its values where it is JSON, else of its bytes. O(bytes), at some 7 GB/s.

    Args:
        path: the file.
        about: a plain value from the card that gives the file its meaning, and counts as a part of it.
    """
    own = hash_json(read_json(path)) if path.suffix == ".json" else hash_file(path)
    return own if about is None else hash_json([own, about])


def of_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The checksums of files in a folder, by name."""
    return {name: checksum(folder / name) for name in names}


def check_file(folder: Path, name: str, wanted: str, about: object = None) -> None:
    """Compare one file with its checksum.

    Raises:
        InputError: it is not there, or is not as it was saved.
    """
    path = inside(folder, name)
    if not path.is_file():
        raise bad(str(folder), f"no {name}, which its card names", "the files that were saved together", AGAIN)
    if checksum(path, about) != wanted:
        raise InputError(
            f"{path}: is not the file that card.json beside it was written with: it was damaged, edited, or is of "
            f"another network or folder. {AGAIN} If you changed it on purpose, take its checksum out of card.json."
        )


def check_results(folder: Path, card: Mapping[str, Any], names: Iterable[str]) -> None:
    """Compare the files that say what came of a run with the checksums in its card, where it has them.

    Raises:
        InputError: a file is gone, or is not as it was written.
    """
    wanted = card.get(RESULTS) or {}
    mapped(text)(f"{folder / 'card.json'}: {RESULTS}", wanted)
    for name in names:
        if name in wanted:
            check_file(folder, name, wanted[name])


def check_folder(folder: Path, card: Mapping[str, Any], used: Iterable[str]) -> None:
    """Compare all files that a card has checksums of, and refuse one in use that the card says nothing about.

    Args:
        folder: what was saved.
        card: of it; one without checksums, of an earlier version of regard or written by others, is not compared.
        used: names of files that are read where they are there, and that change what is made.

    Raises:
        InputError: a file is not as it was saved, is gone, or came from elsewhere.
    """
    wanted = card.get(KEY)
    if wanted is None:
        return
    if not (isinstance(wanted, dict) and all(isinstance(value, str) for value in wanted.values())):
        raise bad(f"{KEY} in {folder / 'card.json'}", repr(wanted)[:80], "a hash for each file's name", AGAIN)
    for name, value in wanted.items():
        check_file(folder, name, value)
    for name in used:
        if name not in wanted and (folder / name).is_file():
            raise bad(str(folder), f"{name}, which its card does not name", "the files that were saved together", AGAIN)
