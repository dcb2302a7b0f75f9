"""JSON: `{"classes": [...], "threshold": ..., "predictions": [...]}`, one line a picture, written as they come.

A picture has `name` (its id), `path` (absolute; empty for pixels), `width`, `height`, and `objects`, the surest first:
`class`, `score`, `box` [left, top, right, bottom] in pixels, and `mask` as COCO's compressed run lengths. Where classes
of pixels were predicted it has `shares` of its pixels by class and `map`, an index picture beside the file, in place
of `objects`; where depth was, `depth` with its `nearest`, `median` and `farthest` in metres, and `map`, a PNG
of 16 bits in millimetres. An object in space has `box3d` too: `center` [x, y, z] in metres, of its middle, x right,
y down, z forward; `size` [height, width, length] in metres; `yaw` in radians, 0 looking along x, as KITTI has it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ....data.annotations import rle
from ....data.annotations._writing import put_index
from ....data.annotations.boxes3d import Boxes3D
from ....data.annotations.voc_map import palette
from ....data.imageset import ImageSet
from ..answer import Answer
from ..told import Told, told
from .contract import Asked
from .depth_folder import put_depth


class JsonFile:
    """One file, and index pictures in `maps`, a folder that the file calls by `called`."""

    def __init__(self, file: Path, asked: Asked, maps: Path | None = None, called: str = "") -> None:
        self.asked, self.maps, self.called = asked, maps, called
        self.file, self.first = open(file, "w", encoding="utf-8"), True
        about = {"classes": list(asked.names), "threshold": asked.threshold}
        self.file.write(json.dumps(about, ensure_ascii=False)[:-1] + ', "predictions": [')

    def add(self, answer: Answer) -> None:
        """One picture."""
        made = told(answer, self.asked.names, self.asked.threshold)
        row = picture_row(made, self.asked.images)
        if self.maps is not None:
            name = f"{self.asked.places.stem(made.answer.row)}.png"
            if made.carried.semantic is not None:
                put_index(self.maps, name, made.carried.semantic.values, palette())
            elif answer.depth is not None:
                put_depth(self.maps, name, answer.depth, self.asked.losses)
            row["map"] = f"{self.called}/{name}"
        self.file.write(("\n" if self.first else ",\n") + json.dumps(row, ensure_ascii=False))
        self.first = False

    def close(self, whole: bool) -> None:
        """End the list."""
        self.file.write("\n]}\n")
        self.file.close()


def picture_row(made: Told, images: ImageSet) -> dict[str, Any]:
    """What is said of one picture, without a map."""
    item, (height, width) = images.items[made.answer.row], made.answer.size
    row: dict[str, Any] = {
        "name": _utf8(str(images.ids[made.answer.row])),
        "path": _utf8(str(item.absolute())) if isinstance(item, Path) else "",
        "width": width,
        "height": height,
    }
    semantic, depth = made.carried.semantic, made.answer.depth
    if made.carried.boxes3d is not None:
        return {**row, "objects": _in_space(made, made.carried.boxes3d)}
    if depth is not None:
        return {**row, "depth": depth_facts(depth)}
    if semantic is None:
        return {**row, "objects": _objects(made)}
    shares = {label: round(pixels / semantic.values.size, 6) for label, pixels in semantic.pixels().items()}
    return {**row, "shares": shares}


def depth_facts(metres: Tensor) -> dict[str, float]:
    """The nearest, the median and the farthest depth of a map, in metres."""
    found = np.asarray(metres, dtype=np.float64)
    figures = {"nearest": found.min(), "median": np.median(found), "farthest": found.max()}
    return {name: round(float(value), 4) for name, value in figures.items()}


def _objects(made: Told) -> list[dict[str, Any]]:
    boxes, masks = made.carried.boxes, made.carried.masks
    assert boxes is not None
    rows = []
    for row, score in enumerate(made.scores.tolist()):
        corners = [round(float(one), 4) for one in np.asarray(boxes.xyxy[row], dtype=np.float64)]
        one: dict[str, Any] = {"class": str(boxes.classes[row]), "score": round(score, 6), "box": corners}
        runs = None if masks is None else masks.runs[row]
        if masks is not None and runs is not None:
            one["mask"] = {"size": list(masks.size), "counts": rle.to_text(runs)}
        rows.append(one)
    return rows


def _in_space(made: Told, boxes: Boxes3D) -> list[dict[str, Any]]:
    middle = boxes.bottom.astype(np.float64) - boxes.size[:, :1] / 2 * np.array([0, 1, 0])

    def plain(values: np.ndarray) -> list[float]:
        return [round(float(one), 4) for one in values]

    return [
        {
            "class": str(boxes.classes[row]),
            "score": round(score, 6),
            "box": plain(boxes.xyxy[row]),
            "box3d": {
                "center": plain(middle[row]),
                "size": plain(boxes.size[row]),
                "yaw": round(float(boxes.yaw[row]), 4),
            },
        }
        for row, score in enumerate(made.scores.tolist())
    ]


def _utf8(text: str) -> str:
    """Text that can be written: of a file's name that is no UTF-8 its bytes are named."""
    return text.encode("utf-8", "backslashreplace").decode()
