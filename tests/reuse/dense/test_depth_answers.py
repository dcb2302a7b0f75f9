"""What is told of depth is written in each form, read again, and drawn."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.deep import GivenDepth, random_depth
from regard.core.checks import InputError
from regard.data.sources import open_images
from regard.reuse.dense.answer import without_objects
from regard.reuse.dense.answers.write import write_answers
from regard.reuse.dense.depth_colours import UNKNOWN, limits, painted, ticks
from regard.reuse.dense.overlay import overlay


@pytest.fixture
def given() -> GivenDepth:
    return GivenDepth(*random_depth(3, size=20))


def test_maps_are_read_again_as_they_were_told(given: GivenDepth, tmp_path) -> None:
    for format, apart in (("png", 5.1e-4), ("npy", 0.0)):
        answers = given.predict(given.images)
        done = write_answers(answers, given.images, (), tmp_path / format, format, pictures=True)
        assert done.images == 3 and done.objects == 0 and done.lost == {}
        again = open_images(tmp_path / format)
        assert len(again) == 3 and again.annotations is not None
        for one, told in zip(again.annotations, given.told):
            assert one.depth is not None
            np.testing.assert_allclose(one.depth.metres, told, atol=apart)


def test_what_16_bits_cannot_hold_is_counted(given: GivenDepth, tmp_path) -> None:
    far = torch.from_numpy(given.told[0].copy())
    far[0, :4] = torch.tensor([65.534, 65.536, 1000.0, 1e-5])
    done = write_answers([without_objects(0, (20, 20), depth=far)], given.images, (), tmp_path / "out", "png")
    assert list(done.lost.values()) == [2] and "65.5 m" in done.sentences()[0]
    values = np.asarray(Image.open(tmp_path / "out" / "depth" / "0.png"))
    assert values.dtype == np.uint16 and values[0, :4].tolist() == [65534, 0, 0, 1]


def test_json_tells_distances_and_names_maps(given: GivenDepth, tmp_path) -> None:
    write_answers(given.predict(given.images), given.images, (), tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())["predictions"]
    for row, told in zip(found, given.told):
        facts = {"nearest": told.min(), "median": np.median(told), "farthest": told.max()}
        assert row["depth"] == pytest.approx({name: float(value) for name, value in facts.items()}, abs=1e-4)
        values = np.asarray(Image.open(tmp_path / row["map"]))
        np.testing.assert_allclose(values / 1000, told, atol=5.1e-4)
    for format in ("coco", "voc", "yolo"):
        with pytest.raises(InputError, match="no place for depth"):
            write_answers(given.predict(given.images), given.images, (), tmp_path / "no", format)


def test_near_is_light_far_is_dark_and_a_bar_tells_metres(given: GivenDepth, tmp_path) -> None:
    ramp = np.geomspace(1, 10, 64, dtype=np.float32)[None].repeat(48, axis=0)
    ramp[0, 0] = np.nan
    shown = painted(ramp, 1, 10).astype(int)
    light = shown.sum(axis=2)[1]
    assert (np.diff(light) <= 0).mean() > 0.95 and light[0] > 2 * light[-1] and tuple(shown[0, 0]) == UNKNOWN
    assert limits(np.full((2, 2), np.nan)) == (1.0, 2.0) and limits(np.ones((2, 2)))[1] > 1
    assert ticks(1, 10) == [1.0, 2.0, 5.0, 10.0] and len(ticks(0.01, 500)) <= 6
    ramp[0, 0] = 1
    one = without_objects(0, (48, 64), depth=torch.from_numpy(ramp))
    plain, barred = (overlay(np.zeros((48, 64, 3), np.uint8), one, (), legend=legend) for legend in (False, True))
    assert plain.size == (480, 360) and barred.size[0] == 480 and barred.size[1] > 360
    assert np.array_equal(np.asarray(barred)[:360], np.asarray(plain))
    assert len(np.unique(np.asarray(barred)[360:].reshape(-1, 3), axis=0)) > 100
    write_answers(given.predict(given.images), given.images, (), tmp_path / "drawn", "overlay")
    assert len(list((tmp_path / "drawn").glob("*.jpg"))) == 3
