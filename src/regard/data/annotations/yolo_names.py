"""The names of YOLO's classes, in the order of their numbers, from whichever file lists them."""

from pathlib import Path

import yaml

from ...core.checks import bad
from ...core.reading import read_bytes

_YAML = ("data.yaml", "data.yml")
_TEXT = ("classes.txt", "labels/classes.txt", "obj.names", "classes.names", "names.txt")
_MOST = 2**22  # bytes


def listed_names(root: Path) -> tuple[str, ...] | None:
    """The names of a folder's classes; None where no file lists them.

    `data.yaml` has `names` as a list or a mapping from numbers; `classes.txt` and `obj.names` have one in each line.

    Raises:
        InputError: a file that lists them and cannot be read, or that lists one name twice.
    """
    for name in _YAML:
        if (root / name).is_file():
            return _once(_from_yaml(root / name), root / name)
    for name in _TEXT:
        if (root / name).is_file():
            text = _text(root / name)
            return _once(tuple(line.strip() for line in text.splitlines() if line.strip()), root / name)
    return None


def _text(file: Path) -> str:
    try:
        return read_bytes(file, "names of classes", _MOST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad("file", f"{file} ({error})", "text in UTF-8") from None


def _from_yaml(file: Path) -> tuple[str, ...]:
    try:
        content = yaml.safe_load(_text(file))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise bad("file", f"{file} ({str(error)[:120]})", "YAML with `names`") from None
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        try:
            numbers = {int(key): value for key, value in names.items()}
        except (TypeError, ValueError):
            raise bad("file", f"{file} with names by {list(names)[:3]}", "names by number, from 0") from None
        if sorted(numbers) != list(range(len(names))):
            raise bad("file", f"{file} with the numbers {sorted(numbers)[:8]}", "names by number, from 0 on")
        names = [numbers[key] for key in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(one, str | int | float | bool) for one in names):
        raise bad("file", f"{file} without names", "YAML with `names`, a list or a mapping from numbers")
    return tuple(str(one) for one in names)


def _once(names: tuple[str, ...], file: Path) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise bad("file", f"{file} with {twice!r} twice", "each name once")
    return names
