"""Windows of pictures go through the network batch by batch, and what was found in them comes back as answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from ...data.annotations import rle
from ...data.annotations.masks import Masks
from .answer import MAPS, Answer, without_objects
from .found_masks import placed, run_lengths
from .frame import Framed
from .joining import Seen, joined
from .model import DenseModel, one_ahead
from .objects import ranked, suppressed
from .windows import Window

OVERLAP = 0.5  # IoU above which two boxes of a class are one object, as the heads have it within a window


@dataclass
class Picture:
    """One picture on its way: its windows, what was found in them, and how to see them."""

    row: int
    size: tuple[int, int]
    windows: list[Window]
    square: Callable[[Framed, Window], Tensor]
    seen: list[Seen] = field(default_factory=list)
    maps: dict[str, Tensor] = field(default_factory=dict)

    def shown(self, size: int) -> Iterator[tuple["Picture", Window, Framed, Tensor]]:
        """Each window, how it lies in a square of this side, and that square (3, side, side) uint8."""
        for window in self.windows:
            framed = Framed(window.height, window.width, size)
            yield self, window, framed, self.square(framed, window)


def answers(
    model: DenseModel, coming: Iterator[tuple[Picture, Window, Framed, Tensor]], batch: int
) -> Iterator[Answer]:
    """Look at windows, batch by batch, and answer for each picture whose windows have all been looked at."""
    device, side = next(model.encoder.parameters()).device, model.objective.size
    square = Framed(side, side, side)  # so that the model answers in pixels of the square

    def begun() -> Iterator[tuple[list[tuple[Picture, Window, Framed, Tensor]], Callable[[], list[Answer]]]]:
        while shown := list(islice(coming, batch)):
            x = torch.stack([pixels for *_, pixels in shown]).to(device).float() / 255
            yield shown, model.begin(x, [square] * len(shown), [picture.row for picture, *_ in shown])

    for shown, found in one_ahead(begun()):
        for (picture, window, framed, _), its in zip(shown, found(), strict=True):
            maps = {name: values for name in MAPS if (values := getattr(its, name)) is not None}
            for name, values in maps.items():
                _put_core(picture, name, window, framed.map_out(values))
            if not maps:
                picture.seen.append(_seen(window, framed, its))
            if window is picture.windows[-1]:
                yield _answer(picture)


def _put_core(picture: Picture, name: str, window: Window, values: Tensor) -> None:
    if name not in picture.maps:
        picture.maps[name] = values if len(picture.windows) == 1 else torch.zeros(picture.size, dtype=values.dtype)
    left, top, right, bottom = window.core
    its = values[top - window.top : bottom - window.top, left - window.left : right - window.left]
    picture.maps[name][top:bottom, left:right] = its


def _seen(window: Window, framed: Framed, its: Answer) -> Seen:
    """What was found in a window, from pixels of the square to those of the picture."""
    boxes = framed.boxes_out(its.boxes)
    there = (boxes[:, 2:] > boxes[:, :2]).all(1)  # not one that lies wholly in what fills the square up
    masks = None
    if its.masks is not None:
        size = (window.height, window.width)
        masks = [run_lengths(framed.map_out(one), size) for one in its.masks[there]]
    moved = boxes[there].numpy() + np.array([window.left, window.top] * 2, dtype=np.float32)
    return Seen(window, moved, its.scores[there].numpy(), its.classes[there].numpy(), masks, 1 / framed.scale)


def _answer(picture: Picture) -> Answer:
    if picture.maps:
        return without_objects(picture.row, picture.size, **picture.maps)
    if len(picture.windows) == 1:
        one = picture.seen[0]
        masks = None if one.masks is None else Masks(picture.size, tuple(one.masks))
        boxes, scores, classes = (torch.from_numpy(part) for part in (one.boxes, one.scores, one.classes))
        return Answer(picture.row, picture.size, boxes, scores, classes, runs=masks)
    objects = joined(picture.seen, picture.size)
    boxes = torch.tensor(np.array([one.box for one in objects], dtype=np.float32).reshape(-1, 4))
    scores = torch.tensor([one.score for one in objects], dtype=torch.float32)
    classes = torch.tensor([one.label for one in objects], dtype=torch.int64)
    order = ranked(scores, classes, boxes)
    # windows may disagree more than `joined` allows for: then as within a window, the surer of two stays
    order = order[suppressed(boxes[order], classes[order], OVERLAP)]
    runs = None
    if picture.seen[0].masks is not None:
        runs = Masks(picture.size, tuple(_mask(picture, objects[row].told_by) for row in order.tolist()))
    return Answer(picture.row, picture.size, boxes[order], scores[order], classes[order], runs=runs)


def _mask(picture: Picture, told_by: Sequence[int]) -> np.ndarray:
    """The runs of the mask that these, numbered through all windows, tell together."""
    parts = []
    starts = np.cumsum([0, *(len(one.boxes) for one in picture.seen)])
    for place in told_by:
        number = int(np.searchsorted(starts, place, side="right")) - 1
        seen = picture.seen[number]
        assert seen.masks is not None
        parts.append((seen.window, seen.masks[place - int(starts[number])]))
    if len(parts) == 1 and (parts[0][0].height, parts[0][0].width) == picture.size:
        return parts[0][1]
    left, top = min(one.left for one, _ in parts), min(one.top for one, _ in parts)
    right, bottom = max(one.right for one, _ in parts), max(one.bottom for one, _ in parts)
    canvas = np.zeros((bottom - top, right - left), dtype=bool)
    for window, runs in parts:
        view = canvas[window.top - top : window.bottom - top, window.left - left : window.right - left]
        view |= rle.decode(runs, (window.height, window.width))
    return placed(canvas, left, top, picture.size)
