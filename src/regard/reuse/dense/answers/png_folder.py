"""Index pictures: `labels/NAME.png` the class of each pixel, `objects/NAME.png` the number of each object's pixels.

`classes.csv` has the name and colour of each number in `labels`, `objects.csv` the class, the score and the box of each
object. An object that others cover wholly has a row there and no pixel.
"""

import csv
from pathlib import Path

from ....data.annotations._writing import put_index, put_picture
from ....data.annotations.voc_map import palette
from ....data.annotations.voc_write import map_names, object_picture, renumbered
from ..answer import Answer
from ..told import rising, told
from .contract import Asked
from .voc_folder import classes_of

HEADER = ("picture", "object", "class", "score", "left", "top", "right", "bottom")


class PngFolder:
    """Of a semantic map, or of masks; where objects overlap, the surest has the pixels."""

    def __init__(self, root: Path, asked: Asked) -> None:
        self.root, self.asked = root, asked
        self.names = asked.names if asked.what == "semantic" else map_names(asked.names)
        colours = palette()
        rows = [(name, *colours[place % 256].tolist()) for place, name in enumerate(self.names)]
        with open(root / "classes.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("name", "r", "g", "b"), *rows])
        self.table = None if asked.what == "semantic" else open(root / "objects.csv", "w", encoding="utf-8", newline="")
        if self.table is not None:
            self.rows = csv.writer(self.table, lineterminator="\n")
            self.rows.writerow(HEADER)

    def add(self, answer: Answer) -> None:
        """One picture."""
        stem, made = self.asked.places.stem(answer.row), told(answer, self.asked.names, self.asked.threshold)
        semantic = classes_of(made.carried, self.names, rising(made))
        assert semantic is not None
        put_index(self.root, f"labels/{stem}.png", renumbered(semantic, self.names), palette())
        if self.table is not None and made.carried.masks is not None and made.carried.boxes is not None:
            values, _ = object_picture(made.carried.masks, rising(made))
            put_index(self.root, f"objects/{stem}.png", values, palette())
            boxes = made.carried.boxes
            for number, (name, score, box) in enumerate(zip(boxes.classes, made.scores, boxes.xyxy), start=1):
                self.rows.writerow((stem, number, name, f"{score:.6g}", *(f"{one:.6g}" for one in box)))
        if self.asked.pictures:
            name = self.asked.places.beside(answer.row)
            put_picture(self.asked.images.items[answer.row], self.root / "images", name)

    def close(self, whole: bool) -> None:
        """Close the table."""
        if self.table is not None:
            self.table.close()
