"""The pictures with what was found drawn over them, as JPEG."""

from pathlib import Path

from ....core.storage import inside
from ....data.decode import decode
from ..answer import Answer
from ..overlay import LONGEST, overlay
from .contract import Asked


class OverlayFolder:
    """`NAME.jpg` for each picture, at most `LONGEST` pixels long."""

    def __init__(self, root: Path, asked: Asked) -> None:
        self.root, self.asked = root, asked

    def add(self, answer: Answer) -> None:
        """One picture."""
        pixels = decode(self.asked.images.items[answer.row], LONGEST // 3).permute(1, 2, 0).numpy()
        target = inside(self.root, f"{self.asked.places.stem(answer.row)}.jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        made = overlay(pixels, answer, self.asked.names, threshold=self.asked.threshold)
        made.save(target, "JPEG", quality=90)

    def close(self, whole: bool) -> None:
        """Nothing is open."""
