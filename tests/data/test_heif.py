import sys
from io import BytesIO
from types import SimpleNamespace

import pytest
from PIL import Image, ImageFile

from regard.data._heif import is_heif
from regard.data.decode import DecodeError, decode, upright_size
from regard.data.sources import open_images
from regard.representation.embed import embed


def frame(*brands):
    body = brands[0] + bytes(4) + b"".join(brands[1:])
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body + bytes(40)


PHONES = [frame(b"heic"), frame(b"heix", b"mif1"), frame(b"mif1", b"mif1", b"heic"), frame(b"msf1", b"hevc")]


@pytest.mark.parametrize("content", PHONES)
def test_without_the_extra_the_message_names_it(monkeypatch, tmp_path, content):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DecodeError, match=r"HEIC.*pip install 'regard\[heic\]'"):
        decode(content)
    for name in ("a.heic", "b.HEIF", "renamed.jpg"):
        (tmp_path / name).write_bytes(content)
    Image.new("RGB", (40, 40)).save(tmp_path / "good.png")
    made = embed(open_images(tmp_path), "random:convnet4")
    assert len(made) == 1 and sum("regard[heic]" in fault["cause"] for fault in made.card["set_aside"]) == 3


@pytest.mark.parametrize(
    "content", [frame(b"avif"), frame(b"mif1", b"avif"), frame(b"isom"), b"", b"\xff\xd8\xff", b"ftyp"]
)
def test_other_files_are_not_taken_for_it(content):
    assert not is_heif(content)


@pytest.mark.parametrize("content", PHONES)
def test_with_the_extra_pillow_reads_it(monkeypatch, content):
    class Phone(ImageFile.ImageFile):
        format, format_description = "HEIF", "a stand-in"

        def _open(self):
            self._mode, self._size, self.tile = "RGB", (6, 4), []

        def load(self):
            self.im = Image.new("RGB", (6, 4), "lime").im
            return super().load()

    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    opener = SimpleNamespace(
        register_heif_opener=lambda: Image.register_open("HEIF", Phone, lambda start: start[4:8] == b"ftyp")
    )
    monkeypatch.setitem(sys.modules, "pillow_heif", opener)
    assert decode(content)[:, 0, 0].tolist() == [0, 255, 0] and upright_size(content) == (6, 4)


def test_a_real_one(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    held = BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (255, 0, 0))).save(held, format="HEIF")
    found = decode(held.getvalue())
    assert tuple(found.shape) == (3, 48, 64) and found[0].float().mean() > 240 and found[1].float().mean() < 15
