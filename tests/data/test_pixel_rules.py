"""One decoder's rules on every path: which way up, which colours, on which ground; and what is told of a picture."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from helpers.pictures import as_bytes, chunk
from regard.core.images import as_rgb, ground_of
from regard.data import decode as decoding
from regard.data._profile import PROFILE
from regard.data.decode import CLEAR, ON_BLACK, ON_GREY, ONE_COLOUR, DecodeError, decode, decode_pillow, upright_size
from regard.data.phash import grey_32
from regard.data.pixels import pixels
from regard.report.thumbs import thumbnail

TURNED = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
          5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
          8: lambda a: np.rot90(a, 1)}  # fmt: skip


def hwc(content, **options) -> np.ndarray:
    return decode(content, **options).permute(1, 2, 0).numpy().astype(int)


def png(depth: int, colour: int, values: np.ndarray, before: bytes = b"", after: bytes = b"") -> bytes:
    """A PNG written by hand, as Pillow writes few of 16 bits."""
    rows = b"".join(b"\0" + row.astype(">u2" if depth == 16 else "u1").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + data + after + chunk(b"IEND", b"")


# which way up


def exif(orientation: int, kind: int = 3) -> bytes:
    """An EXIF block whose orientation is a SHORT (3), LONG (4) or BYTE (1)."""
    value = {3: struct.pack("<HH", orientation, 0), 4: struct.pack("<I", orientation), 1: bytes([orientation, 0, 0, 0])}
    return b"II*\0\x08\0\0\0" + struct.pack("<HHHI", 1, 0x0112, kind, 1) + value[kind] + bytes(4)


def xmp(orientation: int) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description tiff:Orientation="{orientation}" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def raw_profile(orientation: int) -> bytes:
    """EXIF in a text chunk, as ImageMagick wrote it before PNG had a chunk for it."""
    block = b"Exif\0\0" + exif(orientation)
    return b"Raw profile type exif\0\0" + zlib.compress(f"\nexif\n{len(block):8d}\n{block.hex()}\n".encode())


def turned_files(picture: np.ndarray, orientation: int) -> dict[str, bytes]:
    image, block = Image.fromarray(picture), b"Exif\0\0" + exif(orientation)
    tags = Image.Exif()
    tags[0x0112] = orientation
    files = {
        "JPEG": as_bytes(image, "JPEG", quality=95, subsampling=0, exif=block),
        "JPEG, progressive": as_bytes(image, "JPEG", quality=95, subsampling=0, exif=block, progressive=True),
        "PNG": as_bytes(image, "PNG", exif=block),
        "PNG with alpha": as_bytes(image.convert("RGBA"), "PNG", exif=block),
        "PNG, EXIF last": png(8, 2, picture, after=chunk(b"eXIf", exif(orientation))),
        "PNG, EXIF as text": png(8, 2, picture, before=chunk(b"zTXt", raw_profile(orientation))),
        "PNG, EXIF as text, last": png(8, 2, picture, after=chunk(b"zTXt", raw_profile(orientation))),
        "WEBP": as_bytes(image, "WEBP", lossless=True, exif=block),
        "TIFF": as_bytes(image, "TIFF", exif=tags),
        "JPEG, XMP": as_bytes(image, "JPEG", quality=95, subsampling=0, xmp=xmp(orientation)),
    }
    if 1 <= orientation <= 8:  # libtiff writes no other
        files["TIFF, LZW"] = as_bytes(image, "TIFF", exif=tags, compression="tiff_lzw")
    for name, kind in (("LONG", 4), ("BYTE", 1)):
        files[f"JPEG, {name}"] = as_bytes(
            image, "JPEG", quality=95, subsampling=0, exif=b"Exif\0\0" + exif(orientation, kind)
        )
    return files


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_turned_and_its_size_told_as_it_is(picture, orientation):
    expected = TURNED[orientation](picture).astype(int)
    for name, content in turned_files(picture, orientation).items():
        found = hwc(content)
        assert found.shape == expected.shape, name
        assert np.abs(found - expected).mean() < (4 if "JPEG" in name else 0.01), name
        assert upright_size(content) == (expected.shape[1], expected.shape[0]), name
        np.testing.assert_array_equal(decode_pillow(Image.open(io.BytesIO(content))).shape, expected.shape, name)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_is_none_turns_nothing(picture, orientation):
    for name, content in turned_files(picture, orientation).items():
        assert upright_size(content) == (64, 48) and hwc(content).shape == (48, 64, 3), name


def test_a_damaged_exif_block_turns_nothing(picture):
    content = as_bytes(Image.fromarray(picture), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffno tags here")
    assert upright_size(content) == (64, 48) and hwc(content).shape == (48, 64, 3)


def test_the_size_of_a_damaged_file_is_an_error_of_decoding(picture):
    whole = png(8, 2, picture, after=chunk(b"eXIf", exif(6)))
    damaged = whole.replace(b"IDAT", b"IDAT\xff\xff", 1)[:-40] + whole[-40:]
    for content in (b"nothing", damaged):
        with pytest.raises(DecodeError):
            upright_size(content)
            decode(content)


# which colours


def profile(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    """An ICC profile of version 2 with these tags, a white point and a name."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
    } | tags
    place, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", place + len(body), len(value))
        body += value
    head = struct.pack(">I4xI4s4s4s12x4s24x", place + len(body), 0x02400000, b"mntr", space, connection, b"acsp")
    return head + xyz(0.9642, 1.0, 0.8249)[8:] + bytes(128 - len(head) - 12) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def curve(values: np.ndarray) -> bytes:
    levels = np.round(np.asarray(values) * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", len(levels)) + levels.tobytes()


def linear(values):
    """Light from sRGB's numbers, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(light):
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


RAMP = np.linspace(0, 1, 1024)
# columns: red, green and blue in XYZ under D50
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
SPACES = {
    "Display P3": (
        np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]),
        linear(RAMP),
    ),
    "Adobe RGB": (
        np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]),
        RAMP**2.19921875,
    ),
}


def rgb_profile(space: str) -> bytes:
    matrix, tone = (SRGB, linear(RAMP)) if space == "sRGB" else SPACES[space]
    named = {key: xyz(*matrix[:, place]) for place, key in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return profile(b"RGB ", named | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(tone)))


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve(RAMP**gamma)})


def cmyk_profile() -> bytes:
    """Two levels an ink, in Lab: paper is white, black ink black, and so on; `lut8Type`."""
    identity = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    ramp, grid = bytes(range(256)), b""
    for inks in np.ndindex(2, 2, 2, 2):
        lightness = 255 - 60 * sum(inks[:3]) - 75 * inks[3]
        grid += bytes([max(0, lightness), 128 - 30 * inks[0] + 40 * inks[1], 128 + 50 * inks[2] - 40 * inks[0]])
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    return profile(b"CMYK", {b"A2B0": table}, b"Lab ")


def by_hand(picture: np.ndarray, space: str) -> np.ndarray:
    matrix, tone = SPACES[space]
    light = np.interp(picture / 255, RAMP, tone)
    return 255 * encoded(light @ (np.linalg.inv(SRGB) @ matrix).T)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", ["JPEG", "JPEG, large", "PNG", "PNG with alpha", "palette", "WEBP", "TIFF"])
def test_another_colour_space_becomes_srgb_in_every_format(picture, space, kind):
    wide = rgb_profile(space)
    image = Image.fromarray(picture)
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind.split(",")[0], {})
    if kind == "JPEG, large":
        image = image.resize((640, 480), Image.Resampling.BICUBIC)
        content = as_bytes(image, "JPEG", icc_profile=wide, **options)
        found = decode(content, short_side=40)
        assert max(found.shape) < 640  # at reduced scale, and converted all the same
        reduced = np.asarray(image.resize((found.shape[2], found.shape[1]), Image.Resampling.BOX))
        assert np.abs(found.permute(1, 2, 0).numpy() - by_hand(reduced, space)).mean() < 4
        return
    if kind == "palette":
        image = image.quantize(16)
        picture = np.asarray(image.convert("RGB"))
    elif kind == "PNG with alpha":
        image = image.convert("RGBA")
    content = as_bytes(image, {"palette": "PNG"}.get(kind, kind.split()[0]), icc_profile=wide, **options)
    error = np.abs(hwc(content) - by_hand(picture, space))
    assert error.mean() < (3 if kind == "JPEG" else 0.7)
    assert np.abs(hwc(content) - picture).mean() > error.mean() + 2  # not the numbers as they stand


@pytest.mark.parametrize("gamma", [1.0, 1.8])
@pytest.mark.parametrize("kind, wide", [("JPEG", False), ("PNG", False), ("PNG", True), ("TIFF", False), ("LA", False)])
def test_grey_with_a_tone_curve_becomes_srgb(picture, gamma, kind, wide):
    grey = picture[..., 0]
    image = Image.fromarray(grey.astype(np.uint16) * 257 if wide else grey)
    if kind == "LA":
        image.putalpha(255)
    content = as_bytes(image, "PNG" if kind == "LA" else kind, icc_profile=grey_profile(gamma))
    found = hwc(content)
    expected = 255 * encoded((grey / 255.0) ** gamma)
    assert np.abs(found - expected[..., None]).mean() < 3
    assert (found[..., 0] == found[..., 1]).all() and (found[..., 1] == found[..., 2]).all()


def test_inks_are_read_by_their_profile(picture):
    inks = Image.fromarray(picture).convert("CMYK")
    for kind in ("JPEG", "TIFF"):
        content = as_bytes(inks, kind, icc_profile=cmyk_profile(), **({"quality": 98} if kind == "JPEG" else {}))
        stored = Image.open(io.BytesIO(content))
        expected = ImageCms.profileToProfile(
            stored, ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile())), ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )  # fmt: skip
        np.testing.assert_array_equal(hwc(content), np.asarray(expected))
        plain = as_bytes(inks, kind, **({"quality": 98} if kind == "JPEG" else {}))
        assert np.abs(hwc(content) - hwc(plain)).mean() > 5


@pytest.mark.parametrize(
    "content", [rgb_profile("sRGB"), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_srgb_goes_the_fast_way_and_stays_as_it_is(picture, monkeypatch, content):
    calls = []
    fast = decoding._torchcodec
    monkeypatch.setattr(decoding, "_torchcodec", lambda content: calls.append(1) or fast(content))
    image = Image.fromarray(picture)
    for kind, options in (("JPEG", {"quality": 90}), ("PNG", {}), ("WEBP", {"lossless": True})):
        told: list[str] = []
        tagged, plain = as_bytes(image, kind, icc_profile=content, **options), as_bytes(image, kind, **options)
        np.testing.assert_array_equal(decode(tagged, notes=told), decode(plain))
        assert told == []
    assert len(calls) == 6
    decode(as_bytes(image, "JPEG", icc_profile=rgb_profile("Display P3")))
    assert len(calls) == 6


@pytest.mark.parametrize("broken", [b"not a profile", rgb_profile("Adobe RGB")[:200], grey_profile(1.8)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_profile_that_is_damaged_or_of_other_colours_is_ignored_and_told(picture, kind, broken):
    image = Image.fromarray(picture)
    options = {"lossless": True} if kind == "WEBP" else {}
    told: list[str] = []
    found = decode(as_bytes(image, kind, icc_profile=broken, **options), notes=told)
    np.testing.assert_array_equal(found, decode(as_bytes(image, kind, **options)))
    assert told == [PROFILE]


def test_grey_in_an_rgb_space_is_grey_of_that_space(picture):
    grey = picture[..., 0]
    told: list[str] = []
    plain = decode(as_bytes(Image.fromarray(grey), "PNG", icc_profile=rgb_profile("sRGB")), notes=told)
    np.testing.assert_array_equal(plain[0].numpy(), grey)
    found = hwc(as_bytes(Image.fromarray(grey), "PNG", icc_profile=rgb_profile("Adobe RGB")))
    assert np.abs(found - by_hand(np.repeat(grey[..., None], 3, 2), "Adobe RGB")).mean() < 0.7 and told == []


def test_every_path_shows_the_same_colours(picture, tmp_path):
    path = tmp_path / "wide.png"
    Image.fromarray(picture).resize((48, 48)).save(path, icc_profile=rgb_profile("Display P3"))
    expected = hwc(path)
    np.testing.assert_array_equal(pixels(path), expected)
    np.testing.assert_array_equal(pixels(Image.open(path)), expected)
    np.testing.assert_array_equal(decode_pillow(Image.open(path)), expected)
    np.testing.assert_array_equal(grey_32(path), grey_32(expected.astype(np.uint8)))
    assert thumbnail(path) == thumbnail(expected.astype(np.uint8)) == thumbnail(Image.open(path))


# on which ground


def glyph(shape: int, level: int) -> Image.Image:
    image = Image.new("RGBA", (96, 96), (level, level, level, 0))
    pen, colour = ImageDraw.Draw(image), (level, level, level, 255)
    if shape == 0:
        pen.ellipse((15, 15, 80, 80), outline=colour, width=7)
    elif shape == 1:
        pen.line((10, 10, 85, 85), fill=colour, width=7)
    else:
        pen.rectangle((30, 15, 60, 80), fill=colour)
    return image


def written(image: Image.Image, way: str) -> bytes:
    """The same glyph in each form in which a file can hold it."""
    level, alpha = image.getpixel((0, 0))[0], image.getchannel("A")
    values = np.asarray(image)
    if way == "RGBA":
        return as_bytes(image, "PNG")
    if way == "LA":
        return as_bytes(image.convert("LA"), "PNG")
    if way == "16 bits":
        return png(16, 6, values.astype(np.uint16) * 257)
    if way == "grey and alpha of 16 bits":
        return png(16, 4, values[..., 2:].astype(np.uint16) * 257)
    if way == "grey with one level clear":
        return png(8, 0, np.where(values[..., 3] > 0, level, 77), chunk(b"tRNS", struct.pack(">H", 77)))
    if way == "grey of 16 bits with one level clear":
        wide = np.where(values[..., 3] > 0, level * 257, 20000)
        return png(16, 0, wide, chunk(b"tRNS", struct.pack(">H", 20000)))
    if way == "colours with one clear":
        shown = np.where(values[..., 3:] > 0, level, 77) * np.ones(3, int)
        return png(8, 2, shown, chunk(b"tRNS", struct.pack(">HHH", 77, 77, 77)))
    if way in ("palette", "GIF"):
        image = Image.fromarray((np.asarray(alpha) > 0).astype(np.uint8)).convert("P")
        image.putpalette([9, 9, 9, level, level, level] + [0] * 762)
        return as_bytes(image, "GIF" if way == "GIF" else "PNG", transparency=0)
    return as_bytes(image, way, **({"lossless": True} if way == "WEBP" else {}))


WAYS = ["RGBA", "LA", "16 bits", "grey and alpha of 16 bits", "grey with one level clear", "palette", "GIF", "WEBP",
        "grey of 16 bits with one level clear", "colours with one clear", "TIFF"]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("level, ground", [(255, 0), (245, 0), (0, 255), (120, 255)])
def test_a_glyph_is_laid_on_a_ground_on_which_it_is_seen(way, level, ground):
    found = []
    for shape in range(3):
        image, told = glyph(shape, level), []
        one = hwc(written(image, way), notes=told)
        seen = np.asarray(image.getchannel("A")) > 0
        assert (one[seen] == level).all() and (one[~seen] == ground).all()
        assert told == ([ON_BLACK] if ground == 0 else [])
        found.append(one)
    assert not (found[0] == found[1]).all() and not (found[1] == found[2]).all()


def test_every_path_lays_it_on_the_same_ground(tmp_path):
    path = tmp_path / "glyph.png"
    image = glyph(0, 255).resize((48, 48), Image.Resampling.BILINEAR)
    image.save(path)
    expected = hwc(path)
    assert expected[0, 0].tolist() == [0, 0, 0] and expected.max() > 200
    for found in (pixels(path), pixels(image), pixels(np.asarray(image)), as_rgb(np.asarray(image)),
                  hwc(np.asarray(image)), decode_pillow(image), decode_pillow(Image.open(path))):  # fmt: skip
        np.testing.assert_array_equal(found, expected)
    assert thumbnail(path) == thumbnail(image) == thumbnail(np.asarray(image)) == thumbnail(expected.astype(np.uint8))
    np.testing.assert_array_equal(grey_32(path), grey_32(expected.astype(np.uint8)))


def test_a_speck_of_colour_does_not_hide_a_white_glyph_and_a_picture_stays_on_white():
    rgba = np.asarray(glyph(2, 255)).copy()
    rgba[20, 40] = (255, 0, 0, 255)
    assert ground_of(rgba) == 0
    rgba[20:62, 30:61, :3] = 90
    assert ground_of(rgba) == 255


BARS = {"line": (0, 95, 95, 95), "bar": (0, 91, 95, 95), "corner": (88, 0, 95, 7), "speck": (0, 0, 4, 4)}


@pytest.mark.parametrize("bar", BARS)
@pytest.mark.parametrize("level, dark", [(255, 0), (250, 10), (245, 15)])
def test_a_white_glyph_with_a_dark_part_is_laid_where_both_are_seen(tmp_path, bar, level, dark):
    found = []
    for shape in range(3):
        image = glyph(shape, level)
        ImageDraw.Draw(image).rectangle(BARS[bar], fill=(dark, dark, dark, 255))
        image.save(tmp_path / "glyph.png")
        values, told, told_of_array = np.asarray(image), [], []
        one = hwc(tmp_path / "glyph.png", notes=told)
        np.testing.assert_array_equal(one, hwc(values, notes=told_of_array))
        np.testing.assert_array_equal(one, decode_pillow(image))
        assert told == told_of_array == [ON_GREY] and (one[values[..., 3] == 0] == 128).all()
        found.append(one)
    assert not (found[0] == found[1]).all() and not (found[1] == found[2]).all()


def outlined(fill: tuple[int, ...], edge: tuple[int, ...]) -> Image.Image:
    image = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    ImageDraw.Draw(image).rounded_rectangle((9, 9, 86, 86), 12, fill=fill, outline=edge, width=2)
    return image


def icons() -> dict[str, Image.Image]:
    sheet = outlined((255, 255, 255, 255), (0, 0, 0, 255))
    button = outlined((40, 90, 200, 255), (40, 90, 200, 255))
    ImageDraw.Draw(button).line((25, 50, 45, 70, 75, 25), fill="white", width=9)
    spark = outlined((240, 180, 20, 255), (240, 180, 20, 255))
    ImageDraw.Draw(spark).rectangle((0, 0, 20, 20), fill="white")
    shadow = outlined((255, 255, 255, 255), (0, 0, 0, 90))
    product = outlined((255, 255, 255, 255), (255, 255, 255, 255))
    ImageDraw.Draw(product).ellipse((12, 12, 83, 83), fill=(150, 60, 30, 255))
    return {"sheet": sheet, "button": button, "spark": spark, "shadow": shadow, "product": product,
            "small": sheet.resize((24, 24), Image.Resampling.LANCZOS)}  # fmt: skip


@pytest.mark.parametrize("icon", icons())
def test_an_icon_of_which_white_hides_little_stays_on_white(icon):
    told: list[str] = []
    found = hwc(as_bytes(icons()[icon], "PNG"), notes=told)
    assert told == [] and ground_of(np.asarray(icons()[icon])) == 255 and (found[0, -1] == 255).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_alpha_that_tells_nothing_apart_leaves_white(level):
    rgba = np.full((9, 9, 4), 255, np.uint8)
    rgba[..., 3] = level
    assert ground_of(rgba) == 255


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_picture_of_which_nothing_is_visible_is_told_and_comes_out_white(mode):
    image = Image.new(mode, (30, 20), 0)
    told: list[str] = []
    found = decode(as_bytes(image, "PNG", **({"transparency": 0} if mode == "P" else {})), notes=told)
    assert told == [CLEAR] and found.min() == 255


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "P", "1"])
@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_a_picture_of_one_colour_is_told(mode, kind):
    if kind == "JPEG" and mode in ("P", "1"):
        pytest.skip("no such JPEG")
    told: list[str] = []
    decode(
        as_bytes(Image.new(mode, (40, 30), {"RGB": (200, 40, 90), "CMYK": (9, 8, 7, 6)}.get(mode, 1)), kind), notes=told
    )
    assert told == [ONE_COLOUR]


def test_usual_pictures_are_not_told_of(picture):
    spot = np.zeros((64, 64, 3), np.uint8)
    spot[33, 17] = 255
    for one in (picture, spot):
        for content in (
            one,
            as_bytes(Image.fromarray(one), "PNG"),
            as_bytes(Image.fromarray(one), "WEBP", lossless=True),
        ):
            told: list[str] = []
            decode(content, notes=told)
            assert told == []


@pytest.mark.parametrize("colour, channels", [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_are_scaled_not_clipped(colour, channels):
    values = np.random.default_rng(0).integers(0, 65536, (20, 30, channels)).astype(np.uint16)
    if channels in (2, 4):
        values[..., -1] = 65535
    found = hwc(png(16, colour, values))
    expected = (values[..., : channels - 1 if channels in (2, 4) else channels] / 257).round()
    assert np.abs(found - expected).max() <= 1


def test_the_first_frame_of_an_animation_is_shown(picture):
    frames = [Image.fromarray(picture), Image.fromarray(picture[::-1].copy())]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        content = as_bytes(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(hwc(content), picture)
        assert upright_size(content) == (64, 48)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_reduced_and_whole_decodes_show_the_same(progressive, orientation):
    y, x = np.mgrid[0:480, 0:640]
    smooth = np.stack([np.sin(x / 90 + y / 50), np.cos(y / 70), np.sin(x * y / 30000)], -1) * 100 + 128
    content = as_bytes(
        Image.fromarray(smooth.astype(np.uint8)), "JPEG", quality=92, progressive=progressive,
        exif=b"Exif\0\0" + exif(orientation),
    )  # fmt: skip
    whole, reduced = hwc(content), hwc(content, short_side=40)
    assert whole.shape[0] > reduced.shape[0] and upright_size(content) == whole.shape[1::-1]
    small = Image.fromarray(whole.astype(np.uint8)).resize(reduced.shape[1::-1], Image.Resampling.BOX)
    assert np.abs(np.asarray(small).astype(int) - reduced).mean() < 2
