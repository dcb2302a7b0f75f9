"""Which number or colour of a picture of masks is which class."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.checks import bad
from ...core.reading import read_bytes
from .masks import IGNORE, IGNORE_16, SemanticMap

NO_CLASS = ("void", "unlabelled", "unlabeled", "ignore", "ignored")
FILES = ("classes.csv", "class_dict.csv", "label_colors.txt", "labelmap.txt", "classes.txt")
_MOST = 2**22  # bytes


@dataclass(frozen=True)
class ClassTable:
    """The classes of pictures of masks.

    Attributes:
        names: one for each number, from 0; those that are in `ignore` count neither way.
        colours: (n, 3) uint8, where pictures hold colours; None where they hold numbers.
        ignore: names of what is no class.
    """

    names: tuple[str, ...]
    colours: np.ndarray | None = None
    ignore: tuple[str, ...] = NO_CLASS

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise bad("names", f"{len(self.names)} names, {len(set(self.names))} of them different", "each name once")
        if self.colours is not None and np.asarray(self.colours).shape != (len(self.names), 3):
            raise bad("colours", f"shape {np.asarray(self.colours).shape}", f"({len(self.names)}, 3)")

    @property
    def classes(self) -> tuple[str, ...]:
        """The names that are classes, in their order."""
        return tuple(name for name in self.names if name.casefold() not in self.ignore)

    def apply(self, values: np.ndarray) -> tuple[SemanticMap, int]:
        """The map of a picture's numbers (H, W) or colours (H, W, 3), and how many pixels are of no known class."""
        classes = self.classes
        wide = np.uint8 if len(classes) <= IGNORE else np.uint16
        void = IGNORE if wide is np.uint8 else IGNORE_16
        numbers, known = self._numbers(values)
        table = np.array([classes.index(name) if name in classes else void for name in self.names], dtype=wide)
        found = np.where(known, table[np.where(known, numbers, 0)], wide(void))
        unknown = ~known if values.ndim == 3 else ~known & (values != np.iinfo(values.dtype).max)
        return SemanticMap(found, classes, void), int(unknown.sum())

    def _numbers(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if values.ndim == 2:
            return values.astype(np.int64), values.astype(np.int64) < len(self.names)
        if self.colours is None:
            raise bad("masks", "a picture of colours", "a table of classes with their colours")
        pack = np.array([65536, 256, 1])
        packed, known = values.astype(np.int64) @ pack, np.asarray(self.colours).astype(np.int64) @ pack
        order = np.argsort(known)
        place = np.minimum(np.searchsorted(known[order], packed), len(known) - 1)
        return order[place], known[order][place] == packed


def read_table(folder: str | Path) -> ClassTable | None:
    """The table of a folder: the first of `classes.csv` and the like that is there; None where there is none.

    `classes.csv` and `class_dict.csv` have the columns name, r, g, b; `label_colors.txt` has `r g b name` in each line,
    `labelmap.txt` `name:r,g,b::`, and `classes.txt` a name.

    Raises:
        InputError: one that cannot be read.
    """
    for name in FILES:
        file = Path(folder) / name
        if file.is_file():
            try:
                text = read_bytes(file, "a table of classes", _MOST).decode("utf-8-sig")
                return _parsed(name, [line for line in text.splitlines() if line.strip()])
            except (ValueError, IndexError, csv.Error) as error:
                raise bad("classes", f"{file} ({str(error)[:120]})", f"a table as {name} should be") from None
    return None


def _parsed(name: str, lines: Sequence[str]) -> ClassTable:
    if name.endswith(".csv"):
        header, *rows = list(csv.reader(lines))
        place = [[word.strip().lower() for word in header].index(word) for word in ("name", "r", "g", "b")]
        return _coloured([(row[place[0]], [row[one] for one in place[1:]]) for row in rows])
    if name == "label_colors.txt":
        words = [line.split(None, 3) for line in lines]
        return _coloured([(one[3], one[:3]) for one in words])
    if name == "labelmap.txt":
        parts = [line.rsplit(":", 3) for line in lines if not line.startswith("#")]
        return _coloured([(one[0], one[1].split(",")) for one in parts])
    return ClassTable(tuple(line.strip() for line in lines))


def _coloured(rows: Sequence[tuple[str, Sequence[str]]]) -> ClassTable:
    colours = np.array([[int(value) for value in colour] for _, colour in rows])
    if colours.min(initial=0) < 0 or colours.max(initial=0) > 255:
        raise ValueError("a colour that is not from 0 to 255")
    return ClassTable(tuple(name.strip() for name, _ in rows), colours.astype(np.uint8))
