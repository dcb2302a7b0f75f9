import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.report.thumbs import Hit, Query, neighbours, previews, thumbnail

GREY = np.full((8, 8), 90, np.uint8)


def opened(tag):
    kind, data = re.search(r'src="data:image/(\w+);base64,([^"]+)"', tag).groups()
    return kind, Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_tiny_picture_keeps_every_pixel():
    digit = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    tag = thumbnail(digit, "a digit")
    kind, image = opened(tag)
    assert kind == "png" and 'class="tiny"' in tag and 'alt="a digit"' in tag
    np.testing.assert_array_equal(np.asarray(image.convert("L")), digit)


@pytest.mark.parametrize("form", ["path", "text", "array", "pil"])
def test_a_photo_is_made_small_whatever_form_it_comes_in(tmp_path, form):
    ramp = np.linspace(0, 255, 600, dtype=np.uint8)
    photo = np.repeat(np.tile(ramp, (300, 1))[..., None], 3, axis=2)
    path = tmp_path / "ramp.png"
    Image.fromarray(photo).save(path)
    given = {"path": path, "text": str(path), "array": photo, "pil": Image.fromarray(photo)}[form]
    tag = thumbnail(given, side=100)
    kind, image = opened(tag)
    assert kind == "jpeg" and image.size == (100, 50) and 'width="100" height="50"' in tag
    middle = np.asarray(image)[25, :, 0].astype(float)
    np.testing.assert_allclose(middle, np.linspace(1, 254, 100), atol=4)


def test_a_picture_that_cannot_be_read_says_so_and_does_no_harm(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    tag = thumbnail(path, 'the "first"')
    assert "<img" not in tag and "not readable" in tag and "not an image" in tag and "&#34;first&#34;" in tag


def test_neighbours_mark_right_and_wrong_only_where_labels_are_known():
    hits = [Hit(GREY, 0.987, "cat"), Hit(GREY, 0.5, "dog"), Hit(GREY, 0.25, None)]
    page = neighbours([Query(GREY, "cat", hits), Query(GREY, None, hits)])
    first, second = page.split('<div class="row">')[1:]
    assert re.findall(r'class="thumb (\w+)"', first) == ["query", "right", "wrong", "plain"]
    assert re.findall(r'class="thumb (\w+)"', second) == ["query", "plain", "plain", "plain"]
    assert re.findall(r'score">([\d.]+)<', first) == ["0.99", "0.50", "0.25"]
    assert 'alt="result 1: cat, score 0.99, right"' in first and 'alt="result 2: dog, score 0.50, wrong"' in first
    assert "--columns: 4" in page


def test_captions_are_escaped():
    page = previews([("<script>alert(1)</script>", GREY)]) + neighbours(
        [Query(GREY, "<i>", [Hit(GREY, 1.0, '"><script>')])]
    )
    assert "<script>" not in page and "<i>" not in page
    assert page.count("&lt;script&gt;") >= 3


def test_nothing_to_show_is_refused():
    with pytest.raises(InputError, match="at least one picture"):
        previews([])
    with pytest.raises(InputError, match="queries"):
        neighbours([])
    with pytest.raises(InputError, match="queries"):
        neighbours([Query(GREY)])
