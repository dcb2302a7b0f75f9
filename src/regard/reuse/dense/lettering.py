"""Words over pictures: letters of a size that fits, on plates, at places where none hides another.

The letters are DejaVu Sans, which comes with matplotlib; characters that it lacks are drawn as boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...core.plots import written
from .colours import Colour, ink_on

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom
_PAD = 0.3  # of the letters' size, around them on their plate


@lru_cache(maxsize=32)
def letters(size: int) -> Any:
    """The font at a size in pixels."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)


@dataclass
class Lettering:
    """Writes on one picture.

    Attributes:
        draw: PIL's.
        wide: width of the picture in pixels.
        high: likewise.
        size: of letters in pixels.
        taken: where words stand already.
    """

    draw: Any
    wide: int
    high: int
    size: int
    taken: list[Rectangle] = field(default_factory=list)

    def plate(self, text: str) -> tuple[str, int, int]:
        """A text that fits into the picture's width, cut in its middle if need be, and the plate's width and height."""
        pad, fitted = round(_PAD * self.size), written(text, 48)
        while (across := round(letters(self.size).getlength(fitted)) + 2 * pad) > self.wide and len(fitted) > 4:
            fitted = written(fitted, len(fitted) - 2)
        return fitted, across, round(1.2 * self.size) + pad

    def name(self, text: str, box: Rectangle, colour: Colour) -> bool:
        """Name a box, on its upper edge if there is room, else elsewhere at it; False where words hide all places."""
        fitted, across, down = self.plate(text)
        if across > self.wide:
            return False
        left, top, right, bottom = box
        for x, y in (
            (left, top - down),
            (left, bottom),
            (left, top),
            (right - across, top - down),
            (right - across, bottom),
            (left, bottom - down),
        ):
            x, inside = max(0, min(x, self.wide - across)), 0 <= y <= self.high - down
            place = (x, y, x + across, y + down)
            if inside and not any(_meet(place, other) for other in self.taken):
                self._put(fitted, place, colour)
                return True
        return False

    def _put(self, text: str, place: Rectangle, colour: Colour) -> None:
        self.taken.append(place)
        self.draw.rectangle((place[0], place[1], place[2] - 1, place[3] - 1), fill=colour)
        middle = ((place[0] + place[2]) / 2, (place[1] + place[3]) / 2)
        self.draw.text(middle, text, fill=ink_on(colour), font=letters(self.size), anchor="mm")


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def with_legend(picture: Any, rows: Sequence[tuple[Colour, str]], size: int) -> Any:
    """The picture with a strip below it: a patch of each colour and what it stands for, in as many lines as needed."""
    from PIL import Image, ImageDraw

    if not rows:
        return picture
    wide, high = picture.size
    gap, line, font = size // 2, round(1.6 * size), letters(size)
    places: list[tuple[int, int]] = []
    x, y, texts = gap, gap, []
    for _, text in rows:
        fitted = written(text, 64)
        while size + 2 * gap + font.getlength(fitted) > wide - gap and len(fitted) > 4:
            fitted = written(fitted, len(fitted) - 2)
        across = size + gap + round(font.getlength(fitted))
        if x > gap and x + across > wide - gap:
            x, y = gap, y + line
        places.append((x, y))
        texts.append(fitted)
        x += across + 2 * gap
    made = Image.new("RGB", (wide, high + y + line + gap // 2), (255, 255, 255))
    made.paste(picture, (0, 0))
    draw = ImageDraw.Draw(made)
    for (colour, _), (x, y), text in zip(rows, places, texts):
        top = high + y
        draw.rectangle((x, top, x + size, top + size), fill=colour, outline=(90, 90, 90))
        draw.text((x + size + gap, top + size / 2), text, fill=(20, 20, 20), font=font, anchor="lm")
    return made
