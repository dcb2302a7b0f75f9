import csv
import io
import json
import os
import stat
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageFile
from pyarrow import parquet

from helpers.pictures import as_bytes, chunk
from regard.core.checks import InputError
from regard.core.images import FORMATS, IMAGE_SUFFIXES
from regard.data._kinds import kind_of, passed_over
from regard.data._opened import accepted
from regard.data._quiet import quiet
from regard.data._room import CAP, MAX_BYTES, room, room_for
from regard.data.decode import DecodeError, decode, decode_pillow, read, upright_size
from regard.data.frames import later_frames, later_pages
from regard.data.sources import open_images
from regard.representation.embed import embed


def png(width, height, depth=8, colour=2, body=b"\0" * 100):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def photographs(folder, n=4):
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(n):
        pixels = np.random.default_rng(place).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{place}.jpg")
    return folder


# --- nothing but the accepted formats


def eps():
    return as_bytes(Image.new("RGB", (30, 30), "red"), "EPS")


OTHERS = {
    "EPS": eps,
    "DOS EPS": lambda: b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 32, 400) + bytes(20) + eps(),
    "WMF": lambda: b"\xd7\xcd\xc6\x9a\x00\x00" + bytes(74),
    "EMF": lambda: b"\x01\x00\x00\x00" + bytes(36) + b" EMF" + bytes(60),
    "FPX or MIC": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "PSD": lambda: b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 4, 4, 8, 3) + bytes(80),
    "PDF": lambda: as_bytes(Image.new("RGB", (30, 30)), "PDF"),
    "SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "TGA": lambda: as_bytes(Image.new("RGB", (30, 30)), "TGA"),
    "ICO": lambda: as_bytes(Image.new("RGB", (30, 30)), "ICO"),
    "PCX": lambda: as_bytes(Image.new("RGB", (30, 30)), "PCX"),
    "GRIB": lambda: b"GRIB\x00\x00\x00\x01" + bytes(60),
    "HDF5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(60),
    "video": lambda: b"\x00\x00\x00\x18ftypmp42" + bytes(60),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("suffix", [".jpg"])
def test_other_formats_start_nothing_and_cost_nothing_else(kind, suffix, tmp_path, monkeypatch):
    folder, called = photographs(tmp_path / "in"), tmp_path / "called"
    for name in ("gs", "gswin64c", "convert", "inkscape", "ffmpeg"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {called}\nexit 1\n")
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (folder / f"holiday{suffix}").write_bytes(OTHERS[kind]())
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **b: pytest.fail("a program was started"))
    made = embed(open_images(folder), "random:convnet4", cache=False)
    assert len(made) == 4 and not called.exists()
    (fault,) = made.card["set_aside"]
    assert fault["path"] == f"holiday{suffix}" and "read" in fault["cause"]
    with pytest.raises(DecodeError):
        upright_size(folder / f"holiday{suffix}")


def test_what_another_opened_is_loaded_only_if_its_format_is_accepted():
    opened = Image.open(io.BytesIO(eps()))
    assert not accepted(opened)
    with pytest.raises(DecodeError, match="EPS.*load it first"):
        decode_pillow(opened)
    assert decode_pillow(Image.open(io.BytesIO(as_bytes(Image.new("RGB", (4, 4)), "PNG")))).shape == (4, 4, 3)


def test_each_accepted_format_has_suffixes_and_no_suffix_two():
    assert sorted(" ".join(FORMATS.values()).split()) == sorted(IMAGE_SUFFIXES)
    assert not {"EPS", "WMF", "FPX", "MIC", "PSD", "GRIB", "HDF5", "BUFR"} & set(FORMATS)


# --- memory and time


def jpeg2000(width, height, tile=None, components=3):
    content = bytearray(as_bytes(Image.new("RGB", (8, 8)), "JPEG2000", no_jp2=True))
    place = content.index(b"\xff\x4f\xff\x51") + 8
    across, down = tile or (width, height)
    content[place : place + 32] = struct.pack(">8I", width, height, 0, 0, across, down, 0, 0)
    content[place + 32 : place + 34] = struct.pack(">H", components)
    return bytes(content)


def hidden_jpeg2000():
    """The boxes say 8 x 8 and the code stream within 20,000 x 20,000."""
    content = bytearray(as_bytes(Image.new("RGB", (8, 8)), "JPEG2000"))
    place = content.index(b"\xff\x4f\xff\x51") + 8
    content[place : place + 32] = struct.pack(">8I", 20000, 20000, 0, 0, 20000, 20000, 0, 0)
    return bytes(content)


def tiff(tags):
    """A deflated TIFF of 8 x 8 pixels with some tags changed."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    info = ImageFileDirectory_v2()
    content = bytearray(as_bytes(Image.new("L", (8, 8)), "TIFF", compression="tiff_lzw", tiffinfo=info))
    start = int.from_bytes(content[4:8], "little")
    count = int.from_bytes(content[start : start + 2], "little")
    entries = {
        int.from_bytes(content[at : at + 2], "little"): bytes(content[at : at + 12])
        for at in range(start + 2, start + 2 + 12 * count, 12)
    }
    entries |= {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()}
    body = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return bytes(content[:4]) + struct.pack("<I", len(content)) + bytes(content[8:]) + body


def bmp(width, height, bits=24):
    return b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0) + bytes(60)  # fmt: skip  # noqa: E501


def scans():
    """A progressive JPEG whose last scan comes 400 times, on a picture of 5 megapixels."""
    content = as_bytes(Image.new("RGB", (2300, 2200)), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * 400 + content[-2:]


BOMBS = {
    "PNG": lambda: png(30000, 30000),
    "PNG of a line": lambda: png(2**31 - 1, 1),
    "PNG of a palette": lambda: png(9000, 9000, 8, 3),
    "PNG of 16 bits": lambda: png(9000, 9000, 16, 0),
    "PNG with alpha": lambda: png(9000, 9000, 8, 6),
    "GIF": lambda: b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + bytes(20),
    "BMP": lambda: bmp(60000, 60000),
    "BMP, 32 bits": lambda: bmp(2**30, 2**30, 32),
    "PPM": lambda: b"P6 99999 99999 255\n" + bytes(100),
    "PFM": lambda: b"Pf 9000 9000 -1.0\n" + bytes(100),
    "WEBP": lambda: b"RIFF\x40\0\0\0WEBPVP8L\x20\0\0\0\x2f" + struct.pack("<I", 16382 | (16382 << 14)) + bytes(40),
    "TIFF": lambda: tiff({256: 2**31, 257: 2**31}),
    "TIFF of a tile": lambda: tiff({322: 2**16, 323: 2**16, 324: 8, 325: 64}),
    "JPEG 2000": lambda: jpeg2000(12000, 12000),
    "JPEG 2000 at once": lambda: jpeg2000(6600, 6600),
    "JPEG 2000 of many tiles": lambda: jpeg2000(6600, 6600, (2, 2)),
    "JPEG 2000 of many components": lambda: jpeg2000(600, 600, components=16000),
    "JPEG 2000, hidden": hidden_jpeg2000,
    "JPEG of many scans": scans,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_are_refused_by_their_headers(kind, monkeypatch):
    content = BOMBS[kind]()
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("it was loaded"))
    monkeypatch.setattr("regard.data.decode._torchcodec", lambda content: pytest.fail("it was decoded"))
    with pytest.raises(DecodeError, match=r"\w{3}"):
        decode(content)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "RGBA", "LA", "P", "I;16"])
def test_a_large_picture_is_averaged_on_the_way(monkeypatch, mode):
    y, x = np.mgrid[0:301, 0:403]
    smooth = Image.fromarray(np.stack([x // 2, y // 2, (x + y) // 4], -1).astype(np.uint8))
    large = Image.fromarray((y * 200).astype(np.uint16)) if mode == "I;16" else smooth.convert(mode)
    content = as_bytes(large, "PNG")
    whole = decode(content, 20)
    monkeypatch.setattr("regard.data.decode._LARGE", 1000)
    monkeypatch.setattr("regard.data.decode.STRIP", 5000)
    monkeypatch.setattr("regard.data._pillow.STRIP", 5000)
    small = decode(content, 20)
    assert whole.shape == (3, 301, 403) and small.shape == (3, 61, 81)
    blocks = whole[:, :300, :400].float().reshape(3, 60, 5, 80, 5).mean((2, 4))
    assert (small[:, :60, :80].float() - blocks).abs().max() <= 1.5
    assert decode(content).shape == whole.shape


def test_files_that_no_photograph_is_are_refused_unread(tmp_path):
    sparse = tmp_path / "sparse.tif"
    with open(sparse, "wb") as file:
        file.truncate(8 * 2**30)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name, cause in (("sparse.tif", f"more than {MAX_BYTES // 10**6} MB"), ("pipe.png", "not a file")):
        with pytest.raises(DecodeError, match=cause):
            decode(tmp_path / name)
    with pytest.raises(DecodeError, match="not a file"):
        read(Path("/dev/zero"))
    with pytest.raises(DecodeError, match="a folder"):
        read(tmp_path / "folder.png")


def test_what_is_taken_is_given_back(tmp_path):
    from regard.data import _room

    with room(CAP), pytest.raises(ZeroDivisionError):
        1 / 0  # noqa: B018
    with pytest.raises(ZeroDivisionError), room(3 * CAP):
        1 / 0  # noqa: B018
    large = tmp_path / "large"
    with open(large, "wb") as file:
        file.truncate(2**27)
    with room_for(large), room(CAP):
        assert _room._taken == CAP
    assert _room._taken == 0


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_animations_and_pages_without_end(monkeypatch, kind):
    frames = [Image.new("L", (8, 8), level) for level in (0, 90, 200)]
    content = as_bytes(frames[0], kind, save_all=True, append_images=frames[1:])
    assert len(later_frames(content)) + len(list(later_pages(content))) == 2
    monkeypatch.setattr("regard.data.frames._DRAWN", 100)
    monkeypatch.setattr("regard.data.frames._PAGES", 2)
    with pytest.raises(DecodeError, match="3 (frames|pages)"):
        [*later_frames(content), *later_pages(content)]


# --- decoders say nothing

TALKS = """
import io, sys, warnings
import numpy as np
from PIL import Image
from regard.data.decode import DecodeError, decode
rng = np.random.default_rng(0)
y, x = np.mgrid[0:48, 0:64]
picture = Image.fromarray(np.stack([x * 4, y * 5, (x * y) % 256], -1).astype(np.uint8))
for kind, options in [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("JPEG2000", {}),
        ("TIFF", {}), *(("TIFF", {"compression": c}) for c in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")),
        ("GIF", {}), ("BMP", {}), ("PPM", {})]:
    held = io.BytesIO()
    picture.save(held, kind, **options)
    for _ in range(25):
        content = bytearray(held.getvalue())
        for place in rng.integers(0, len(content), 3):
            content[place] ^= 1 << rng.integers(0, 8)
        try:
            decode(bytes(content))
        except DecodeError:
            pass
print("done")
print("still heard", file=sys.stderr)
warnings.warn("and this")
"""


def test_nothing_of_decoders_reaches_the_terminal():
    done = subprocess.run([sys.executable, "-c", TALKS], capture_output=True, text=True, timeout=120)
    assert done.stdout == "done\n"
    assert [line for line in done.stderr.splitlines() if line.strip()][0] == "still heard"
    assert "and this" in done.stderr and len(done.stderr.splitlines()) <= 3


def test_the_filter_of_warnings_is_as_it_was():
    before = list(warnings.filters)
    with quiet(), quiet():
        assert len(warnings.filters) == len(before) + 1
    assert list(warnings.filters) == before


# --- one bad entry never loses the good ones


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), OverflowError("x"), struct.error("y"), KeyError(3)])
@pytest.mark.parametrize("where", ["load", "open", "torchcodec", "preprocess", "read"])
def test_whatever_one_picture_raises_the_others_are_read(monkeypatch, tmp_path, error, where):
    if where in ("preprocess", "read") and not isinstance(error, MemoryError | RecursionError):
        pytest.skip("not of a picture")
    folder = photographs(tmp_path / "in", 3)
    bad = as_bytes(Image.new("RGBA", (33, 31), "red"), "PNG")
    (folder / "bad.png").write_bytes(bad)

    def failing(original, when):
        def call(*given, **named):
            if when(*given):
                raise error
            return original(*given, **named)

        return call

    if where == "load":
        patched = failing(ImageFile.ImageFile.load, lambda image: image.size == (33, 31))
        monkeypatch.setattr(ImageFile.ImageFile, "load", patched)
        monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", patched, raising=False)
    elif where == "open":
        import regard.data.decode as decoding

        monkeypatch.setattr(decoding, "open_pillow", failing(decoding.open_pillow, lambda content: content == bad))
    elif where == "torchcodec":
        (folder / "bad.png").write_bytes(b"junk")
        monkeypatch.setattr("regard.data.decode._torchcodec", failing(None, lambda content: True))
        if not isinstance(error, MemoryError | RuntimeError):
            pytest.skip("torchcodec raises RuntimeError")
    elif where == "read":
        import regard.representation.pipeline as pipeline

        monkeypatch.setattr(pipeline, "read", failing(read, lambda item: item.name == "bad.png"))
    else:
        from regard.representation.preprocess import Preprocess

        patched = failing(Preprocess.apply, lambda self, pixels: tuple(pixels.shape[1:]) == (31, 33))
        monkeypatch.setattr(Preprocess, "apply", patched)
    made = embed(open_images(folder), "random:convnet4", cache=False)
    assert len(made) == 3 and [fault["path"] for fault in made.card["set_aside"]] == ["bad.png"]


NAMES = {
    "NUL": "x\0.jpg",
    "NUL at the end": "0.jpg\0",
    "a million characters": "x" * 10**6 + ".jpg",
    "many folders": "a/" * 5000 + "x.jpg",
    "256 bytes": "é" * 128 + ".jpg",
    "half a character": "\ud800.jpg",
    "a byte that is no text": "\udcff.jpg",
    "a loop": "loop/x.jpg",
    "control characters": "a\x1b[2J\r\n\u202e.jpg",
    "not there": "gone.jpg",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reader", ["csv", "parquet", "json", "list", "hf"])
def test_one_bad_name_costs_its_own_row_alone(tmp_path, reader, name):
    folder = photographs(tmp_path / "in")
    (folder / "loop").symlink_to(folder / "loop")
    names = [*(f"{place}.jpg" for place in range(4)), NAMES[name]]
    file = folder / f"list.{'parquet' if reader == 'hf' else reader}"
    if reader in ("csv", "parquet", "hf") and "\ud800" in NAMES[name]:
        pytest.skip("no bytes stand for it")
    if reader == "csv":
        if "\udcff" in NAMES[name]:
            pytest.skip("a CSV file that is not UTF-8 is refused as a whole: its encoding is not known")
        with open(file, "w", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerows([["path", "label"], *([one, "a"] for one in names)])
    elif reader == "json":
        rows = [{"id": place, "file_name": one} for place, one in enumerate(names)]
        file.write_text(json.dumps({"images": rows, "annotations": [], "categories": []}))
    elif reader != "list":
        raw = pa.array([one.encode("utf-8", "surrogateescape") for one in names], pa.binary())
        text = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
        nothing = pa.array([None] * len(names), pa.binary())
        column = pa.StructArray.from_arrays([nothing, text], ["bytes", "path"]) if reader == "hf" else text
        parquet.write_table(pa.table({"image" if reader == "hf" else "path": column}), file)
    found = open_images([folder / one for one in names] if reader == "list" else file)
    made = embed(found, "random:convnet4", cache=False)
    clean = embed(open_images([folder / one for one in names[:4]]), "random:convnet4", cache=False)
    np.testing.assert_array_equal(made.vectors, clean.vectors)
    (fault,) = made.card["set_aside"]
    assert fault["cause"] and len(fault["path"]) < 1100 and "\0" not in fault["path"]
    json.dumps(fault, ensure_ascii=False).encode()  # it can be written
    if reader in ("csv", "parquet", "json") and len(NAMES[name]) < 100 and NAMES[name].isprintable():
        assert fault["path"] == NAMES[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_file_has_is_told_in_a_sentence(name):
    with pytest.raises(InputError, match="does not exist"):
        open_images(NAMES[name])


@pytest.mark.parametrize("column", ["label", "id", "notes"])
@pytest.mark.parametrize("value", ["a\0", "z" * 10**6])
def test_one_endless_or_cut_value_costs_its_own_row_alone(tmp_path, column, value):
    folder = photographs(tmp_path / "in", 3)
    table = {"path": ["0.jpg", "1.jpg", "2.jpg"], column: ["a", "b", value]}
    parquet.write_table(pa.table(table), folder / "t.parquet")
    found = open_images(folder / "t.parquet")
    assert len(found) == 2 and [fault["path"] for fault in found.set_aside] == ["2.jpg"]
    assert repr(column) in found.set_aside[0]["cause"]


# --- what is said of the rest


def test_files_passed_over_are_counted_by_kind_once(tmp_path):
    folder = photographs(tmp_path / "in", 2)
    for name in ("a/DSC1.NEF", "a/DSC2.nef", "b.cr2", "c.mp4", "d.pdf", "e.pdf", "f.svg", "g.psd", "h.txt", "i.jxl"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    told = (
        "3 RAW files (.cr2, .nef), 1 video (.mp4), 2 PDF files, 1 Photoshop file (.psd), 1 SVG file and 1 JPEG XL file"
    )
    made = embed(open_images(folder), "random:convnet4", cache=False)
    (note,) = made.card["notes"]
    assert note == {"note": f"{told} (.jxl) passed over", "images": 9, "first": "a/DSC1.NEF"}
    assert open_images(folder).subset([0]).without_labels().notes == open_images(folder).notes
    assert passed_over({".txt": 3, ".xml": 1}) == ("", 0)


def test_what_is_set_aside_is_called_as_the_table_calls_it(tmp_path):
    folder = photographs(tmp_path / "in" / "deep", 2)
    (folder / "bad.jpg").write_bytes(b"junk")
    (tmp_path / "in" / "t.csv").write_text("path,id\ndeep/0.jpg,x\ndeep/1.jpg,y\ndeep/bad.jpg,z\ndeep/gone.jpg,w\n")
    for given, names in (
        (tmp_path / "in", ["deep/bad.jpg"]),
        (tmp_path / "in" / "t.csv", ["deep/gone.jpg", "deep/bad.jpg"]),
    ):
        made = embed(open_images(given), "random:convnet4", cache=False)
        assert [fault["path"] for fault in made.card["set_aside"]] == names


@pytest.mark.parametrize("kind", ["EPS", "PSD", "PDF", "SVG", "video"])
def test_the_cause_names_what_a_file_is(kind):
    with pytest.raises(DecodeError, match=kind_of(OTHERS[kind]())):
        decode(OTHERS[kind]())
