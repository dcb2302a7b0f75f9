"""KITTI's texts: `label_2/NAME.txt`, a line for each object with its score after the fifteen columns, and `calib`."""

from pathlib import Path

from ....data.annotations._writing import put_picture, put_text
from ....data.annotations.kitti import line_of
from ..answer import Answer
from ..told import told
from .contract import Asked


class KittiFolder:
    """A line for each object from the threshold on, the surest first; results have 16 columns."""

    def __init__(self, root: Path, asked: Asked) -> None:
        self.root, self.asked = root, asked

    def add(self, answer: Answer) -> None:
        """One picture."""
        made = told(answer, self.asked.names, self.asked.threshold)
        boxes, stem = made.carried.boxes3d, self.asked.places.stem(answer.row)
        assert boxes is not None
        lines = [line_of(boxes, row).rstrip("\n") + f" {score:.4f}\n" for row, score in enumerate(made.scores.tolist())]
        put_text(self.root, f"label_2/{stem}.txt", "".join(lines))
        if answer.camera is not None:
            numbers = " ".join(f"{value:.12e}" for value in answer.camera.matrix.ravel())
            put_text(self.root, f"calib/{stem}.txt", f"P2: {numbers}\n")
        if self.asked.pictures:
            name = self.asked.places.beside(answer.row)
            put_picture(self.asked.images.items[answer.row], self.root / "image_2", name)

    def close(self, whole: bool) -> None:
        """Nothing is open."""
