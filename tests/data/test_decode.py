import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.pictures import as_bytes
from regard.data.decode import HEADROOM, DecodeError, decode


def hwc(tensor: torch.Tensor) -> np.ndarray:
    return tensor.permute(1, 2, 0).numpy()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_files_come_back_exactly(picture, kind):
    np.testing.assert_array_equal(hwc(decode(as_bytes(Image.fromarray(picture), kind))), picture)


def test_jpeg_equals_pillow_to_a_grey_level(picture):
    content = as_bytes(Image.fromarray(picture), "JPEG", quality=90, subsampling=0)
    ours, pillows = hwc(decode(content)).astype(int), np.asarray(Image.open(io.BytesIO(content))).astype(int)
    assert np.abs(ours - pillows).max() <= 1


@pytest.mark.parametrize("kind, shown", [("JPEG", 3), ("PNG", 0), ("WEBP", 8)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(picture, kind, shown, orientation):
    turned = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
              5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
              8: lambda a: np.rot90(a, 1)}  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    ours = hwc(decode(as_bytes(Image.fromarray(picture), kind, exif=exif, **options))).astype(int)
    expected = turned[orientation](picture).astype(int)
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).mean() <= shown


def test_grey_palette_alpha_cmyk_and_sixteen_bits(picture):
    image = Image.fromarray(picture)
    grey = image.convert("L")
    np.testing.assert_array_equal(hwc(decode(as_bytes(grey, "PNG")))[..., 1], np.asarray(grey))
    palette = image.quantize(16)
    np.testing.assert_array_equal(hwc(decode(as_bytes(palette, "PNG"))), np.asarray(palette.convert("RGB")))
    alpha = image.convert("RGBA")
    alpha.putalpha(0)
    assert hwc(decode(as_bytes(alpha, "PNG"))).min() == 255
    cmyk = hwc(decode(as_bytes(image.convert("CMYK"), "JPEG", quality=95))).astype(int)
    assert np.abs(cmyk - picture).mean() < 6
    wide = (np.asarray(grey).astype(np.uint16)) * 257
    np.testing.assert_array_equal(hwc(decode(as_bytes(Image.fromarray(wide), "PNG")))[..., 0], np.asarray(grey))


def test_transparent_palette_and_animation(picture):
    palette = Image.fromarray(picture).quantize(8)
    content = as_bytes(palette, "GIF", transparency=int(np.asarray(palette)[0, 0]))
    assert hwc(decode(content))[0, 0].tolist() == [255, 255, 255]
    frames = [Image.fromarray(picture), Image.fromarray(picture[::-1].copy())]
    content = as_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(content).shape == (3, 48, 64)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b"", lambda b: b"hello, I am text", lambda b: b[: len(b) // 2], lambda b: b[:20]],
    ids=["empty", "text", "half", "header"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_damaged_files_raise_a_cause(picture, tmp_path, damage, kind):
    path = tmp_path / "x.img"
    path.write_bytes(damage(as_bytes(Image.fromarray(picture), kind)))
    with pytest.raises(DecodeError, match=r"\w"):
        decode(path)


def test_missing_file_and_bomb(tmp_path):
    with pytest.raises(DecodeError, match="No such file"):
        decode(tmp_path / "none.png")
    # a PNG header that promises 30000 x 30000 pixels
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    with pytest.raises(DecodeError, match="900|30000|bomb"):
        decode(bomb + chunk(b"IEND", b""))


def test_large_jpegs_are_decoded_at_reduced_scale_with_headroom():
    y, x = np.mgrid[0:1300, 0:1600]
    large = np.stack([x % 256, y % 256, (x + y) % 256], -1).astype(np.uint8)
    large[:] = large // 64 * 64
    content = as_bytes(Image.fromarray(large), "JPEG", quality=92)
    reduced = decode(content, short_side=100)
    assert HEADROOM * 100 <= min(reduced.shape[1:]) < 1300
    assert decode(content, short_side=400).shape == (3, 1300, 1600)
    small = torch.nn.functional.interpolate(decode(content)[None], (100, 123), mode="bicubic", antialias=True)
    again = torch.nn.functional.interpolate(reduced[None], (100, 123), mode="bicubic", antialias=True)
    assert (small.float() - again.float()).abs().mean() < 3


@pytest.mark.parametrize("top", [200, 300, 65535])
def test_sixteen_bit_pictures_have_one_scale_whatever_they_hold(top):
    wide = np.linspace(0, top, 64).astype(np.uint16).reshape(8, 8)
    found = hwc(decode(as_bytes(Image.fromarray(wide), "PNG")))[..., 0]
    np.testing.assert_array_equal(found, (wide / 257).round())


def test_floating_point_pictures_are_scaled_or_refused():
    level = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    np.testing.assert_array_equal(hwc(decode(as_bytes(Image.fromarray(level), "TIFF")))[..., 0], (level * 255).round())
    with pytest.raises(DecodeError, match="expected 0 to 1"):
        decode(as_bytes(Image.fromarray(level * 900), "TIFF"))


def test_kinds_that_take_more_memory_have_a_lower_limit(monkeypatch):
    monkeypatch.setattr("regard.data.decode.MAX_PIXELS", 4000)
    assert decode(as_bytes(Image.new("RGB", (60, 60)), "PNG")).shape == (3, 60, 60)
    with pytest.raises(DecodeError, match="RGBA"):
        decode(as_bytes(Image.new("RGBA", (60, 60)), "PNG"))


def test_half_transparent_pixels_mix_with_white():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[..., 3] = 51
    np.testing.assert_array_equal(hwc(decode(as_bytes(Image.fromarray(pixels), "PNG"))), np.full((2, 2, 3), 204))
