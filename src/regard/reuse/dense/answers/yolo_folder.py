"""YOLO's folder of what was found: a text for each picture, and the names of the classes in `data.yaml`."""

from pathlib import Path

from ....data.annotations._writing import put_picture, put_text
from ....data.annotations.yolo import text_of
from ....data.annotations.yolo_write import line_text, yaml_text
from ..answer import Answer
from ..told import told
from .contract import Asked, of_names


class YoloFolder:
    """As `write_yolo` makes it: a box, or the polygon that draws the very mask. On choice the score ends each line."""

    def __init__(self, root: Path, asked: Asked) -> None:
        self.root, self.asked = root, asked
        self.numbers = of_names(asked.names)
        put_text(root, "data.yaml", yaml_text(asked.names))

    def add(self, answer: Answer) -> None:
        """One picture; its text is empty where nothing was found."""
        placed = f"images/{self.asked.places.beside(answer.row)}"
        made, losses = told(answer, self.asked.names, self.asked.threshold), self.asked.losses
        lines = [line_text(made.carried, row, self.numbers, losses) for row in range(len(made.scores))]
        if self.asked.scores:
            lines = [f"{line} {score:.6g}" for line, score in zip(lines, made.scores.tolist())]
        put_text(self.root, text_of(placed)[0], "".join(f"{line}\n" for line in lines))
        if self.asked.pictures:
            put_picture(self.asked.images.items[answer.row], self.root, placed)

    def close(self, whole: bool) -> None:
        """Nothing is open."""
