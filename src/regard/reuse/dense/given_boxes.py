"""Proposals from elsewhere: boxes of pictures by name, read from a table or an `.npz` file.

The historical transfer protocol (Girshick 2015, Fast R-CNN) takes its proposals as given, so that networks are compared
on the same ones.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...core.arrow import column_of, read_table
from ...core.checks import InputError, bad
from ...core.storage import hash_bytes
from ...representation.vector_files import check_members
from .frame import Framed

CORNERS = ("x0", "y0", "x1", "y1")
FORM = "a table with columns path, x0, y0, x1, y1, or .npz with ids (n,) and boxes (n, 4)"


class Proposals(Protocol):
    """Where something could be in a picture."""

    def of(self, identity: str, framed: Framed, square: Tensor) -> Tensor:
        """Boxes (n, 4) float32 in the pixels of the square, likelier ones first.

        Args:
            identity: the picture's id in its set.
            framed: how it lies in the square.
            square: (3, S, S) uint8.

        Raises:
            InputError: there are none of this picture.
        """
        ...


class GivenBoxes:
    """Boxes by the names of pictures.

    Args:
        boxes: for each id (n, 4), x0, y0, x1, y1 in the picture's own pixels, likelier ones first.

    Raises:
        InputError: boxes of another shape, or numbers that are none.
    """

    def __init__(self, boxes: Mapping[str, np.ndarray]) -> None:
        self.boxes = {str(name): np.asarray(value, dtype=np.float32).reshape(-1, 4) for name, value in boxes.items()}
        for name, value in self.boxes.items():
            if not np.isfinite(value).all():
                raise bad("proposals", f"a number that is none, of {name}", "corners x0, y0, x1, y1 in pixels")

    def of(self, identity: str, framed: Framed, square: Tensor) -> Tensor:
        """See `Proposals`; what lies outside the picture is cut off, and a box without area left out."""
        if identity not in self.boxes:
            raise InputError(f"proposals: none are given of {identity}")
        most = torch.tensor([framed.width, framed.height] * 2)
        own = torch.minimum(torch.from_numpy(self.boxes[identity]).clamp(min=0), most)
        return framed.boxes_in(own[(own[:, 2:] > own[:, :2]).all(1)])

    @property
    def key(self) -> str:
        """Hash of all boxes."""
        return hash_bytes(
            *(part for name in sorted(self.boxes) for part in (name.encode(), self.boxes[name].tobytes()))
        )

    @staticmethod
    def read(path: str | Path) -> "GivenBoxes":
        """Read a CSV or Parquet table, or an `.npz` file; the order of the rows is that of the boxes.

        Raises:
            InputError: of another form.
        """
        path = Path(path)
        if path.suffix == ".npz":
            try:
                with zipfile.ZipFile(path) as archive:
                    check_members(path, archive)
                with np.load(path, allow_pickle=False) as file:
                    ids, boxes = file["ids"], file["boxes"]
            except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
                raise bad("proposals", f"{path} ({error})", FORM) from error
        else:
            columns = _columns(path)
            names = next((one for one in ("path", "id", "ids") if one in columns), None)
            if names is None or any(one not in columns for one in CORNERS):
                raise bad("proposals", f"{path} with columns {', '.join(columns)}", FORM)
            ids = columns[names]
            try:
                boxes = np.stack([columns[one].astype(np.float64) for one in CORNERS], axis=1)
            except ValueError as error:
                raise bad("proposals", f"{path} ({error})", "numbers in x0, y0, x1, y1") from error
        if boxes.ndim != 2 or boxes.shape[1] != 4 or len(ids) != len(boxes):
            raise bad("proposals", f"{path}: {len(ids)} names and boxes of shape {boxes.shape}", FORM)
        order = np.argsort(ids.astype(str), kind="stable")
        known, first = np.unique(ids.astype(str)[order], return_index=True)
        return GivenBoxes(dict(zip(known.tolist(), np.split(boxes[order], first[1:]))))


def _columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of a Parquet file, or else of CSV."""
    from pyarrow import ArrowException, csv

    try:
        table = read_table("proposals", path) if path.suffix == ".parquet" else csv.read_csv(path)
    except (ArrowException, OSError) as error:
        raise bad("proposals", f"{path} ({error})", FORM) from error
    return {name: np.asarray(column_of("proposals", table.column(name))) for name in table.column_names}


def padded(boxes: Sequence[Tensor]) -> Tensor:
    """Boxes (n_i, 4) of N pictures as (N, P, 4), filled up with boxes without area; P is the most, and at least one."""
    made = torch.zeros(len(boxes), max([1, *map(len, boxes)]), 4)
    for place, one in enumerate(boxes):
        made[place, : len(one)] = one
    return made


def filled(boxes: Tensor) -> list[Tensor]:
    """The other way: of (N, P, 4) those with an area, for each picture."""
    there = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    return [one[kept] for one, kept in zip(boxes.float(), there)]
