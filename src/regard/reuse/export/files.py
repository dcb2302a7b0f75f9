"""Where an export goes: written beside, and moved to its place when it is good; what was written, and its card."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any, Protocol

from ... import __version__
from ...core.checks import bad
from ...core.leftovers import clear, name_beside
from ...core.storage import plain
from .graph import INPUT, Exportable


class Checked(Protocol):
    """How an export compares with torch."""

    @property
    def metrics(self) -> Mapping[str, float | int | None]:
        """Flat names to numbers."""
        ...


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file or folder.
        files: all files, the card among them.
        card: what it is, what it takes and gives, and how it agrees with torch.
        agreement: the check on real pictures.
        seconds: of all of it.
    """

    path: Path
    files: tuple[Path, ...]
    card: dict[str, Any]
    agreement: Checked
    seconds: float


def check_file(target: Path, suffixes: tuple[str, ...], format: str) -> None:
    """Raise InputError for a file without the format's ending, or a folder."""
    if target.suffix not in suffixes:
        raise bad("--out", repr(target.name), f"a file that ends in {' or '.join(suffixes)}, for {format}")
    if target.is_dir():
        raise bad("--out", f"{str(target)!r}, which is a folder", "a file")


def input_of(graph: Exportable) -> dict[str, Any]:
    """What a graph takes, for its card."""
    count: str | int = "batch" if graph.batch == -1 else graph.batch
    return {
        "name": INPUT,
        "type": "uint8",
        "layout": graph.layout,
        "shape": [count, "height", "width", 3] if graph.layout == "nhwc" else [count, 3, "height", "width"],
        "pixels": "RGB in sRGB, upright, of any height and width; all of a batch have one size",
    }


def signed(about: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values, with the versions that they were made with."""
    import torch

    return plain({**about, "made_with": {"regard": __version__, "torch": str(torch.__version__)}})


def metadata(about: dict[str, Any]) -> dict[str, str]:
    """What goes into the file itself: `regard`, all of it as JSON, and `labels`, a JSON list, where there are some."""
    found = {"regard": dumps(about, ensure_ascii=False)}
    return found | ({"labels": dumps(about["labels"], ensure_ascii=False)} if "labels" in about else {})


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A folder beside the target, which is gone at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = name_beside(target)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(folder: Path, target: Path) -> tuple[Path, ...]:
    """Move what was written to its place, the card last."""
    if (folder / target.name).is_dir():
        if target.is_dir():
            clear(target)  # of what a killed process left there
            target.rmdir()
        os.replace(folder / target.name, target)
        return tuple(sorted(target.iterdir()))
    made = sorted(folder.iterdir(), key=lambda path: (path.suffix == ".json", path.name == target.name, path.name))
    for path in made:
        os.replace(path, target.with_name(path.name))
    return tuple(target.with_name(path.name) for path in made)
