"""Predictions on disk, written as they come: CSV, Parquet or JSON; the file appears when it is whole."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from ..core.checks import bad
from ..core.storage import replacing
from ..data.imageset import ImageSet
from .predict import Answers

SUFFIXES = (".csv", ".parquet", ".json")
ROWS = 1024  # held before they go to the file


class Writer(Protocol):
    """Takes answers in their order."""

    def write(self, answers: Answers) -> None:
        """Add the answers."""
        ...


def check_suffix(argument: str, path: str | Path) -> Path:
    """Refuse a name that says no format, before the work."""
    if Path(path).suffix not in SUFFIXES:
        raise bad(argument, repr(Path(path).name), "a file that ends in .csv, .parquet or .json")
    return Path(path)


def row_dicts(answers: Answers, images: ImageSet, classes: tuple[str, ...], top: int = 1) -> Iterator[dict[str, Any]]:
    """A mapping for each image: `id`, `path` (absolute; empty for pixels), `label` and `probability`.

    With `top` above 1 also `label_2`, `probability_2` and so on; `truth` where the images carry labels.
    """
    places, shares = answers.best(top)
    for row, at, share in zip(answers.rows, places, shares):
        item = images.items[row]
        found: dict[str, Any] = {
            "id": _utf8(str(images.ids[row])),
            "path": _utf8(str(item.absolute())) if isinstance(item, Path) else "",
        }
        for rank in range(len(at)):
            end = "" if rank == 0 else f"_{rank + 1}"
            found |= {f"label{end}": classes[at[rank]], f"probability{end}": round(float(share[rank]), 6)}
        if images.labels is not None:
            found["truth"] = str(images.labels[row])
        yield found


@contextmanager
def writing(path: str | Path, images: ImageSet, classes: tuple[str, ...], top: int = 1) -> Iterator[Writer]:
    """Open a file for predictions by its ending; nothing of it stays if the block raises.

    JSON holds `classes` and `predictions`, a list of what `row_dicts` gives; the others a column for each of its names.
    """
    target = check_suffix("--out", path)
    made = _Json if target.suffix == ".json" else _Table
    with replacing(target) as beside:
        writer = made(beside, images, classes, top, target.suffix)
        try:
            yield writer
        finally:
            writer.close()


class _Json:
    def __init__(self, path: Path, images: ImageSet, classes: tuple[str, ...], top: int, _: str) -> None:
        self.about, self.file, self.first = (images, classes, top), open(path, "w", encoding="utf-8"), True
        self.file.write('{"classes": ' + json.dumps(list(classes), ensure_ascii=False) + ', "predictions": [')

    def write(self, answers: Answers) -> None:
        for row in row_dicts(answers, *self.about):
            self.file.write(("\n" if self.first else ",\n") + json.dumps(row, ensure_ascii=False))
            self.first = False

    def close(self) -> None:
        self.file.write("\n]}\n")
        self.file.close()


class _Table:
    """CSV or Parquet, a group of rows at once."""

    def __init__(self, path: Path, images: ImageSet, classes: tuple[str, ...], top: int, suffix: str) -> None:
        import pyarrow as pa
        from pyarrow import csv, parquet

        self.about: tuple[ImageSet, tuple[str, ...], int] = (images, classes, top)
        names = [("label", "probability"), *((f"label_{k}", f"probability_{k}") for k in range(2, top + 1))]
        fields = [("id", pa.string()), ("path", pa.string())]
        fields += [pair for label, share in names for pair in ((label, pa.string()), (share, pa.float64()))]
        self.schema = pa.schema(fields + ([("truth", pa.string())] if images.labels is not None else []))
        self.writer = (csv.CSVWriter if suffix == ".csv" else parquet.ParquetWriter)(path, self.schema)
        self.waiting: list[dict[str, Any]] = []

    def write(self, answers: Answers) -> None:
        self.waiting += row_dicts(answers, *self.about)
        if len(self.waiting) >= ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self.writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self.waiting:
            self.writer.write_table(pa.Table.from_pylist(self.waiting, self.schema))
            self.waiting = []


def _utf8(text: str) -> str:
    """Text that can be written: of a file's name that is no UTF-8 its bytes are named."""
    return text.encode("utf-8", "backslashreplace").decode()
