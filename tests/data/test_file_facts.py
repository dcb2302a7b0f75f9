from datetime import datetime
from os import utime

import numpy as np
import pytest
from PIL import Image

from regard.data.decode import DecodeError
from regard.data.file_facts import file_facts

WRITTEN = datetime(2020, 2, 3, 4, 5, 6)


def saved(path, tags=None, **settings):
    exif = Image.Exif()
    exif[0x010F] = "a maker"  # Pillow writes no tags of the camera alone
    for tag, value in (tags or {}).items():
        (exif if tag < 0x8769 else exif.get_ifd(0x8769))[tag] = value
    Image.new("RGB", (60, 40), "teal").save(path, exif=exif, **settings)
    utime(path, (WRITTEN.timestamp(),) * 2)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_date_of_the_camera_comes_first(tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", {0x9003: "1999:12:31 23:59:58"})
    facts = file_facts(path)
    assert (facts.width, facts.height, facts.size) == (60, 40, path.stat().st_size)
    assert facts.date == datetime(1999, 12, 31, 23, 59, 58) and facts.taken


@pytest.mark.parametrize(
    "value", [None, "", "0000:00:00 00:00:00", "    :  :     :  :  ", "2020:13:41 25:61:61", "yesterday", "x" * 10000]
)
def test_a_date_that_is_none_gives_way_to_the_files(tmp_path, value):
    facts = file_facts(saved(tmp_path / "a.jpg", {} if value is None else {0x9003: value}))
    assert facts.date == WRITTEN and not facts.taken


def test_the_second_date_is_taken_where_the_first_is_none(tmp_path):
    facts = file_facts(saved(tmp_path / "a.jpg", {0x9003: "0000:00:00 00:00:00", 0x9004: "2001:02:03 04:05:06"}))
    assert facts.date == datetime(2001, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("dpi, told", [(None, None), ((72, 72), 72), ((300, 300), 300), ((1, 1), None)])
def test_dots_an_inch_where_the_file_states_them(tmp_path, dpi, told):
    facts = file_facts(saved(tmp_path / "a.jpg", **({} if dpi is None else {"dpi": dpi})))
    assert facts.dpi == told


def test_a_turned_photo_has_the_size_that_is_seen(tmp_path):
    facts = file_facts(saved(tmp_path / "a.jpg", {0x0112: 6}))
    assert (facts.width, facts.height) == (40, 60)


def test_pixels_have_a_size_and_nothing_else():
    facts = file_facts(np.zeros((4, 7, 3), np.uint8))
    assert (facts.width, facts.height, facts.size, facts.date, facts.dpi) == (7, 4, None, None, None)


@pytest.mark.parametrize("start", range(2, 120, 9))
def test_damaged_tags_are_no_facts_and_no_error(tmp_path, start):
    path = saved(tmp_path / "a.jpg", {0x9003: "1999:12:31 23:59:58", 0x0112: 6}, dpi=(300, 300))
    content = bytearray(path.read_bytes())
    content[start : start + 6] = b"\xff\x00\x7f\xff\xff\xff"
    path.write_bytes(content)
    try:
        facts = file_facts(path)
    except DecodeError:
        return  # no image any more
    assert facts.width > 0 and facts.size == len(content)


def test_what_is_no_image_raises_as_decode_does(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(DecodeError):
        file_facts(tmp_path / "a.jpg")
    with pytest.raises(DecodeError):
        file_facts(tmp_path / "missing.jpg")
