"""Pascal VOC's folder of what was found: an XML with scores for each picture, index pictures of objects and classes."""

from pathlib import Path

import numpy as np

from ....data.annotations._writing import put_index, put_picture, put_text
from ....data.annotations.masks import BACKGROUND, Masks, SemanticMap, drawn
from ....data.annotations.record import Annotations
from ....data.annotations.voc_map import palette
from ....data.annotations.voc_write import labelmap_text, map_names, object_picture, renumbered, xml_text
from ..answer import Answer
from ..told import rising, told
from .contract import Asked


class VocFolder:
    """As `write_voc` makes it. Corners become whole pixels; where objects overlap, the surest has the pixels."""

    def __init__(self, root: Path, asked: Asked) -> None:
        self.root, self.asked = root, asked
        self.names = () if asked.what == "boxes" else map_names(asked.names)
        (root / "Annotations").mkdir()
        if self.names:
            put_text(root, "labelmap.txt", labelmap_text(self.names))

    def add(self, answer: Answer) -> None:
        """One picture."""
        stem, name = self.asked.places.stem(answer.row), self.asked.places.beside(answer.row)
        made = told(answer, self.asked.names, self.asked.threshold)
        whole: dict[int, str] = {}
        if made.carried.masks is not None:
            values, whole = object_picture(made.carried.masks, rising(made))
            put_index(self.root, f"SegmentationObject/{stem}.png", values, palette())
        xml = xml_text(name, made.carried, whole, self.asked.losses, made.scores.tolist())
        put_text(self.root, f"Annotations/{stem}.xml", xml)
        semantic = classes_of(made.carried, self.names, rising(made))
        if semantic is not None:
            put_index(self.root, f"SegmentationClass/{stem}.png", renumbered(semantic, self.names), palette())
        if self.asked.pictures:
            put_picture(self.asked.images.items[answer.row], self.root / "JPEGImages", name)

    def close(self, whole: bool) -> None:
        """Nothing is open."""


def classes_of(carried: Annotations, names: tuple[str, ...], order: list[int]) -> SemanticMap | None:
    """The class of each pixel: the map, or what the masks make, drawn in this order; None of boxes alone."""
    if carried.semantic is not None or carried.masks is None or carried.boxes is None:
        return carried.semantic
    masks = Masks(carried.masks.size, tuple(carried.masks.runs[row] for row in order))
    labels = carried.boxes.classes[np.array(order, dtype=np.intp)].tolist()
    return drawn(masks, labels, [name for name in names if name != BACKGROUND])
