"""What is one photograph and what only looks like it: colours, forms, small changes, animations, cut-outs."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from regard.data.builtin import photos
from regard.data.decode import decode
from regard.data.frames import later_frames, later_pages
from regard.reuse.duplicates.find import Duplicates, find_duplicates
from regard.reuse.search.verify.agreement import resizing
from regard.reuse.search.verify.changes import changes

FILES = {str(path).rsplit("/", 1)[-1].split(".")[0]: path for path in photos().items}
Change = Callable[[Image.Image], Image.Image]


def photo(name: str, side: int = 420) -> Image.Image:
    image = Image.fromarray(decode(FILES[name]).permute(1, 2, 0).numpy())
    image.thumbnail((side, side))
    return image


def rgb(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def jpeg(quality: int) -> Change:
    def made(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(io.BytesIO(buffer.getvalue()))

    return made


def hue(turn: int) -> Change:
    def made(image: Image.Image) -> Image.Image:
        values = np.asarray(image.convert("HSV")).copy()
        values[..., 0] += np.uint8(turn % 256)
        return Image.frombytes("HSV", image.size, values.tobytes())

    return made


def channels(order: str) -> Change:
    return lambda image: Image.merge("RGB", [image.getchannel(one) for one in order])


def inverted(box: tuple[int, int, int, int]) -> Change:
    def made(image: Image.Image) -> Image.Image:
        values = rgb(image).copy()
        left, top, right, bottom = box
        values[top:bottom, left:right] = 255 - values[top:bottom, left:right]
        return Image.fromarray(values)

    return made


def pasted(image: Image.Image) -> Image.Image:
    changed = image.copy()
    changed.paste(photo("rocket").crop((150, 100, 210, 150)), (180, 90))
    return changed


def saturation_inverted(image: Image.Image) -> Image.Image:
    values = np.asarray(image.convert("HSV")).copy()
    values[..., 0] += 128
    values[..., 1] = 255 - values[..., 1]
    return Image.frombytes("HSV", image.size, values.tobytes())


RECOLOURED = {
    "hue, half": hue(128), "hue, third": hue(85), "hue, back": hue(-85), "hue, quarter": hue(64),
    "BGR": channels("BGR"), "GBR": channels("GBR"), "RBG": channels("RBG"), "saturation": saturation_inverted,
}  # fmt: skip
EDITED = {
    "inverted": inverted((100, 90, 150, 130)), "inverted, smaller": inverted((200, 120, 226, 146)), "pasted": pasted,
}  # fmt: skip
COPIES: dict[str, Change] = {
    **{f"quality {q}": jpeg(q) for q in (30, 50, 75, 95)},
    "half": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "larger": lambda image: image.resize((image.width * 3 // 2, image.height * 3 // 2), Image.Resampling.BICUBIC),
    "small and compressed": lambda image: jpeg(40)(image.resize((image.width // 3, image.height // 3))),
    "dark": lambda image: image.point(lambda v: v * 0.7),
    "light": lambda image: image.point(lambda v: 255 * (v / 255) ** 0.7),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    "pale": lambda image: ImageEnhance.Color(image).enhance(0.6),
    "warm": lambda image: Image.merge(
        "RGB", [image.getchannel(c).point(lambda v, k=k: min(255, v * k)) for c, k in zip("RGB", (1.1, 1, 0.88))]
    ),
    "soft": lambda image: image.filter(ImageFilter.GaussianBlur(1.5)),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("name", ["coffee", "chelsea", "china", "motorcycle_left", "hubble_deep_field"])
def test_colour_and_the_largest_change_tell_copies_from_what_is_not(name):
    image = photo(name)
    for change, make in COPIES.items():
        other = rgb(make(image))
        found = changes(rgb(image), other, resizing(rgb(image), other))
        assert not found.recoloured and found.box is None and found.grey == (change == "grey"), (change, found)
    for change, make in RECOLOURED.items():
        found = changes(rgb(image), rgb(make(image)), np.eye(3))
        # in a pale picture few places have a colour: where these change in brightness as well, they are told as changed
        assert found.recoloured or found.box is not None, (change, found)
    for change, make in EDITED.items():
        found = changes(rgb(image), rgb(make(image)), np.eye(3))
        assert found.box is not None and not found.recoloured, (change, found)


def test_the_box_lies_where_the_change_is():
    image = photo("chelsea")
    for scale in (1, 2):
        other = inverted((100, 90, 150, 130))(image)
        other = other.resize((other.width * scale, other.height * scale), Image.Resampling.BICUBIC)
        found = changes(rgb(image), rgb(other), resizing(rgb(image), rgb(other)))
        assert found.box == pytest.approx([v * scale for v in (100, 90, 150, 130)], abs=17 * scale)


def pairs(items: list[Image.Image], vectors: bool = True) -> Duplicates:
    return find_duplicates([rgb(item) for item in items], np.ones((len(items), 2)) if vectors else None)


def test_copies_are_found_and_say_what_was_changed():
    image = photo("coffee")
    turned = {
        "mirrored": image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "upright": image.rotate(90, expand=True),
        "cropped": image.crop((4, 3, image.width - 6, image.height - 5)),
    }  # fmt: skip
    made = {name: make(image) for name, make in COPIES.items() if name not in ("half", "larger", "contrast")} | turned
    found = pairs([image, *made.values()])
    kinds = {pair.b: pair for pair in found.pairs if pair.a == "image/0000"}
    for place, name in enumerate(made, 1):
        pair = kinds[f"image/{place:04d}"]
        assert pair.kind == "same photo" and "part" not in pair.evidence, (name, pair)
        assert ("grey" in pair.evidence) == (name == "grey")
    assert len(found.groups) == 1 and len(found.groups[0]) == len(made) + 1


@pytest.mark.parametrize("change", RECOLOURED)
def test_a_recoloured_photograph_is_no_pair(change):
    image = photo("coffee")
    for vectors in (False, True):
        assert pairs([image, RECOLOURED[change](image)], vectors).pairs == []


@pytest.mark.parametrize("change", EDITED)
def test_a_photograph_with_something_changed_is_no_copy_and_says_where(change):
    image = photo("chelsea")
    (pair,) = (found := pairs([image, EDITED[change](image)])).pairs
    assert pair.kind == "same scene" and len(pair.evidence["differs"]) == 4 and found.groups == []


# papers


def form(number: int) -> Image.Image:
    page = Image.new("RGB", (595, 770), "white")
    pen = ImageDraw.Draw(page)
    for row in range(19):
        pen.line((40, 50 + row * 38, 555, 50 + row * 38), fill="black", width=2)
    for column in range(5):
        pen.line((40 + column * 128, 50, 40 + column * 128, 735), fill="black", width=2)
    for row in range(4):
        pen.text((55, 60 + row * 152), str(number * 7919 * (row + 1)), fill="black", font_size=22)
    return page


def receipt(number: int) -> Image.Image:
    page = Image.new("RGB", (300, 560), (250, 249, 244))
    pen = ImageDraw.Draw(page)
    for row, name in enumerate("Coffee Bread Butter Apples Milk Cheese Plums Rice Salt Tea".split()):
        pen.text((20, 60 + 40 * row), name, fill=(40, 40, 40), font_size=18)
        price = f"{(row * 37 + 11) % 90 / 10 + (number if row in (2, 7) else 0):.2f}"
        pen.text((220, 60 + 40 * row), price, fill=(40, 40, 40), font_size=18)
    pen.text((60, 15), "CORNER SHOP", fill=(40, 40, 40), font_size=24)
    pen.text((20, 490), f"Total {31.4 + 2 * number:.2f}", fill=(40, 40, 40), font_size=24)
    return page


def chart(number: int) -> Image.Image:
    page = Image.new("RGB", (520, 400), "white")
    pen = ImageDraw.Draw(page)
    for row in range(7):
        pen.line((50, 40 + 50 * row, 500, 40 + 50 * row), fill=(190, 190, 190))
        pen.text((15, 30 + 50 * row), str(60 - 10 * row), fill="black", font_size=16)
    for column in range(8):
        height = 60 + (column * 53) % 200 + (60 * number if column in (2, 5) else 0)
        pen.rectangle((70 + 54 * column, 340 - height, 100 + 54 * column, 340), fill=(40, 90, 160))
    pen.text((60, 8), "Sales by quarter, in thousands", fill="black", font_size=20)
    return page


def letter(number: int) -> Image.Image:
    page = Image.new("RGB", (560, 640), "white")
    pen = ImageDraw.Draw(page)
    words = "we write to tell you that your order number has left our house and will be with you soon as agreed".split()
    for row in range(22):
        line = " ".join(words[(row * 5 + k) % len(words)] for k in range(8))
        pen.text((40, 60 + 25 * row), line, fill="black", font_size=15)
    pen.rectangle((300, 15, 540, 45), fill="white")
    pen.text((310, 18), ["Ms Adams", "Mr Brown", "Mx Clark"][number - 1], fill="black", font_size=20)
    return page


@pytest.mark.parametrize("paper", [form, receipt, chart, letter])
def test_papers_that_differ_in_a_few_figures_are_no_pair_and_their_copies_are(paper):
    three = [paper(number) for number in (1, 2, 3)]
    for vectors in (False, True):
        assert pairs(three, vectors).pairs == []
    copies = [three[0], jpeg(60)(three[0]), three[0].resize((three[0].width * 3 // 4, three[0].height * 3 // 4))]
    found = pairs([*copies, three[1]])
    assert found.groups == [["image/0000", "image/0001", "image/0002"]]


# what moves


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_that_begin_alike_are_no_copies(tmp_path, kind):
    first, others = photo("coffee", 200), [photo(name, 200).resize((200, 133)) for name in ("china", "chelsea")]
    first = first.resize((200, 133))

    def save(name: str, frames: list[Image.Image], **options) -> None:
        frames[0].save(tmp_path / name, kind, save_all=True, append_images=frames[1:], duration=90, **options)

    ending = kind.lower()
    save(f"a.{ending}", [first, others[0], others[0].rotate(180)])
    save(f"b.{ending}", [first, others[1], others[1].rotate(180)])
    found = find_duplicates(tmp_path)
    assert found.pairs == [] and found.groups == []
    assert len(later_frames(tmp_path / f"a.{ending}")) == 2
    save(f"c.{ending}", [frame.resize((160, 106)) for frame in (first, others[0], others[0].rotate(180))])
    first.save(tmp_path / "still.jpg", quality=90)
    found = find_duplicates(tmp_path)
    assert found.groups == [[f"a.{ending}", f"c.{ending}"]]
    stills = [pair for pair in found.pairs if pair.b == "still.jpg"]
    assert stills and all(pair.evidence["still"] and pair.evidence["part"] == "b" for pair in stills)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
@pytest.mark.parametrize("differs", [1, 2, 4])
def test_pages_count_as_frames_do(tmp_path, compression, differs):
    names = ["coffee", "china", "chelsea", "rocket", "motorcycle_left"]
    pages = [photo(name, 200).resize((200, 133)) for name in names]
    others = [page.rotate(180) if place == differs else page for place, page in enumerate(pages)]

    def save(name: str, made: list[Image.Image], **options) -> None:
        options = {"compression": compression} | options
        made[0].save(tmp_path / name, "TIFF", save_all=True, append_images=made[1:], **options)

    save("a.tiff", pages)
    save("b.tiff", others)
    assert find_duplicates(tmp_path).pairs == []
    assert len(list(later_pages(tmp_path / "a.tiff"))) == 4
    save("c.tif", pages, compression="tiff_deflate")
    save("d.tif", pages[:differs])
    found = find_duplicates(tmp_path)
    assert found.groups == [["a.tiff", "c.tif"]]
    parts = {(pair.a, pair.b): pair.evidence for pair in found.pairs if "d.tif" in (pair.a, pair.b)}
    assert len(parts) == 3 and all(said["part"] == "b" and said["still"] for said in parts.values())


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
@pytest.mark.parametrize("still", ["gif", "tiff", "png", "jpg"])
def test_a_still_is_a_part_of_what_moves_and_pages_are_no_frames(tmp_path, ending, still):
    first, second, third = (photo(name, 200).resize((200, 133)) for name in ("coffee", "china", "chelsea"))
    first.save(tmp_path / f"a.{ending}", save_all=True, append_images=[second, third], duration=90)
    first.save(tmp_path / f"b-still.{still}")
    first.save(tmp_path / "c.tiff", save_all=True, append_images=[third])
    found = find_duplicates(tmp_path)
    told = {(pair.a[0], pair.b[0]): pair.evidence.get("part") for pair in found.pairs}
    assert told == {("a", "b"): "b", ("b", "c"): "a"} and found.groups == []


def test_a_reduced_copy_in_a_tiff_is_no_page(tmp_path):
    first = photo("coffee", 200)
    small = first.resize((80, 60))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(tmp_path / "a.tiff", save_all=True, append_images=[small])
    with Image.open(tmp_path / "a.tiff") as image:
        image.seek(1)
        assert image.tag_v2.get(254) == 1
    assert list(later_pages(tmp_path / "a.tiff")) == []
    first.save(tmp_path / "b.png")
    assert find_duplicates(tmp_path).groups == [["a.tiff", "b.png"]]


# what is a part of another


def test_a_cut_out_in_two_photographs_joins_no_group():
    cut = photo("chelsea").crop((60, 30, 260, 180))
    hosts = []
    for name in ("coffee", "china"):
        host = photo(name)
        host.paste(cut.resize((150, 112)), (20, 30))
        hosts.append(host)
    found = pairs([cut, *hosts, jpeg(50)(hosts[0]), jpeg(50)(cut)])
    assert found.groups == [["image/0000", "image/0004"], ["image/0001", "image/0003"]]
    parts = {(pair.a, pair.b) for pair in found.pairs if pair.evidence.get("part")}
    assert parts >= {("image/0000", "image/0001"), ("image/0000", "image/0002")}
