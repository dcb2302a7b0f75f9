"""Pictures with what was found drawn over them: something is seen, at the right place, whatever the picture's size."""

import numpy as np
import pytest
import torch

from helpers.answers import MAP, NAMES, answer
from regard.core.checks import InputError
from regard.reuse.dense.answer import Answer
from regard.reuse.dense.colours import LEAST_CONTRAST, class_colour, contrast, ink_on
from regard.reuse.dense.lettering import Lettering, letters
from regard.reuse.dense.overlay import LONGEST, SHORTEST, overlay


def one(size: tuple[int, int], box: list[float], score: float = 0.9, row: int = 0) -> Answer:
    return Answer(row, size, torch.tensor([box]), torch.tensor([score]), torch.tensor([0]))


@pytest.mark.parametrize(("size", "longer"), [((1, 1), SHORTEST), ((40, 56), SHORTEST), ((3, 900), 900),
                                              ((900, 20), 900), ((300, 2100), LONGEST)])  # fmt: skip
@pytest.mark.parametrize("ground", [0, 128, 255])
def test_a_box_and_its_name_are_seen_at_any_size_and_on_any_ground(size, longer, ground) -> None:
    pixels = np.full((*size, 3), ground, np.uint8)
    made = overlay(pixels, one(size, [0, 0, size[1], size[0]]), NAMES, legend=False)
    drawn = np.asarray(made).astype(int)
    assert max(made.size) == longer and made.mode == "RGB"
    assert (np.abs(drawn - ground).max(axis=2) > 60).sum() >= 4 * min(made.size)
    bare = overlay(pixels, one(size, [0, 0, 1, 1], score=0.2), NAMES, legend=False)
    assert (np.asarray(bare) == ground).all()
    assert overlay(pixels, one(size, [0, 0, 1, 1], score=0.2), NAMES).size[1] > bare.size[1]


def test_a_frame_lies_on_the_box_and_a_mask_on_its_pixels() -> None:
    pixels = np.full((400, 500, 3), 128, np.uint8)
    drawn = np.asarray(overlay(pixels, one((400, 500), [100, 50, 300, 250]), NAMES, labels=False, legend=False))
    rows, columns = np.where((drawn != 128).any(axis=2))
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (100, 50, 299, 249)
    assert (drawn[60:240, 110:290] == 128).all()
    mask = torch.zeros(1, 400, 500, dtype=torch.bool)
    mask[0, 300:350, 400:450] = True
    veiled = Answer(0, (400, 500), torch.tensor([[400.0, 300, 450, 350]]), torch.ones(1), torch.zeros(1).long(), mask)
    changed = (np.asarray(overlay(pixels, veiled, NAMES, labels=False, legend=False)) != 128).any(axis=2)
    assert changed[300:350, 400:450].all() and not changed[:298].any() and not changed[:, :398].any()


def test_a_map_has_the_colours_of_its_classes_and_its_background_is_the_picture() -> None:
    told = answer(0, "semantic", (480, 480))
    pixels = np.full((480, 480, 3), 128, np.uint8)
    drawn = np.asarray(overlay(pixels, told, MAP, legend=False)).astype(float)
    for place, name in enumerate(MAP):
        block = np.argwhere(told.semantic.numpy()[4::8, 4::8] == place)[0] * 8 + 4
        wanted = 128 if name == "background" else 128 + 0.55 * (np.array(class_colour(place)) - 128)
        assert np.abs(drawn[tuple(block)] - wanted).max() <= 1
    assert overlay(pixels, told, MAP).size[1] > 480


def test_words_never_hide_words_and_never_leave_the_picture() -> None:
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(0)
    for wide, high in ((480, 60), (600, 400), (60, 480)):
        lettering = Lettering(ImageDraw.Draw(Image.new("RGB", (wide, high))), wide, high, 13)
        for _ in range(80):
            left, top = int(rng.integers(0, wide)), int(rng.integers(0, high))
            lettering.name("a name that is long \u202e\n" * 4, (left, top, left + 30, top + 9), (0, 0, 0))
        assert len(lettering.taken) > 0
        for place, (left, top, right, bottom) in enumerate(lettering.taken):
            assert 0 <= left < right <= wide and 0 <= top < bottom <= high
            for a, b, c, d in lettering.taken[:place]:
                assert right <= a or c <= left or bottom <= b or d <= top
    fitted, across, _ = lettering.plate("x" * 90)
    assert letters(13).getlength(fitted) <= across <= 60 and "…" in fitted


def test_ink_is_read_on_every_colour_and_the_first_colours_are_far_apart() -> None:
    colours = [class_colour(place) for place in range(120)]
    assert min(contrast(one, ink_on(one)) for one in colours) >= LEAST_CONTRAST
    apart = np.array(colours[:14])[:, None] - np.array(colours[:14])
    assert np.abs(apart).sum(axis=2)[~np.eye(14, dtype=bool)].min() > 60
    assert len(set(colours)) == 120


def test_a_picture_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="answer's shape"):
        overlay(np.zeros((100, 40, 3), np.uint8), answer(0, "boxes"), NAMES)
    with pytest.raises(InputError, match="uint8"):
        overlay(np.zeros((40, 56), np.uint8), answer(0, "boxes"), NAMES)
    overlay(np.zeros((20, 28, 3), np.uint8), answer(0, "masks"), NAMES)
