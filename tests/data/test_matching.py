"""Names of a ground truth and ids of a collection: what was said counts, and what was not is filled in if one fits."""

import pytest

from regard.data.groundtruth.matching import Names, normal, without_suffix

NFC, NFD = "caf\u00e9", "cafe\u0301"


def find(name: str, *ids: str) -> str | None:
    place = Names({one: row for row, one in enumerate(ids)}).find(name)
    return None if place is None else ids[place]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("a/003.png", ["b/003.png"]),  # the file of another folder
        ("a/003", ["b/003.png"]),
        ("a/003.png", ["x/a/003.png"]),  # a folder of that name in another one
        ("x/a/003.png", ["a/003.png"]),
        ("a/003.png", ["003.png"]),
        ("a/003.png", ["a/003.jpg"]),  # another suffix
        ("003.png", ["a/003.jpg"]),
        ("photo.v2", ["photo.jpg", "photo.v1.jpg", "photo.v3.jpg"]),  # a dot that begins no suffix
        ("photo", ["photo.v2.jpg"]),
        ("photo.v2.jpg", ["photo.jpg", "photo"]),
        ("photo.jpg", ["photo.jpg.png"]),
        ("v1.2/003", ["v1/003.png", "v1.jpg"]),  # a dot in the folder's name
        ("same.jpg", ["x/same.jpg", "y/same.jpg"]),  # several
        ("same", ["same.jpg", "y/same.jpg"]),
        ("a/same", ["a/same.jpg", "a/same.png"]),
        ("IMG_1.jpg", ["img_1.jpg"]),
        (".jpg", ["a/b.jpg"]),
        ("nobody", ["somebody.jpg"]),
    ],
)
def test_names_that_fit_none_or_several(name: str, ids: list[str]) -> None:
    assert find(name, *ids) is None


@pytest.mark.parametrize(
    ("name", "id_", "others"),
    [
        ("a/003.png", "a/003.png", ["b/003.png", "003.png"]),
        ("003.png", "003.png", ["b/003.png"]),  # the id itself
        ("a/003", "a/003.png", ["b/003.png"]),
        ("003", "a/003.png", ["a/004.png"]),
        ("003.png", "a/003.png", ["a/003.jpg"]),  # what was said tells them apart
        ("photo.v2", "photo.v2.jpg", ["photo.jpg", "photo.v1.jpg"]),
        ("photo.v2", "x/photo.v2.jpg", ["photo.jpg"]),
        ("photo.v2.jpg", "photo.v2", ["photo.jpg", "photo"]),  # ids without suffix
        ("photo", "photo.JPEG", ["photo.v2.jpg"]),
        ("photo.jpg", "a/photo", []),
        ("v1.2/003", "v1.2/003.png", ["v1/003.png"]),
        (f"{NFC}/1.jpg", f"{NFD}/1.jpg", ["cafe/1.jpg"]),  # accents, either way
        (f"{NFD}/1", f"{NFC}/1.jpg", []),
        (f"{NFD}.jpg", f"x/{NFC}.jpg", ["x/cafe.jpg"]),
        (NFC, f"{NFD}.jpg", []),
        (NFC, NFC, [NFD]),  # both are there: as it is written
        ("a\\003.png", "a/003.png", ["b/003.png"]),
        ("./a/003.png", "a/003.png", []),
    ],
)
def test_names_that_fit_one(name: str, id_: str, others: list[str]) -> None:
    assert find(name, *others, id_) == find(name, id_, *others) == id_


def test_what_is_said_of_names_that_fit_none() -> None:
    names = Names({one: row for row, one in enumerate(["b/003.png", "x/same.jpg", "y/same.jpg", "IMG_1.jpg"])})
    assert names.hint("a/003.png") == "'a/003.png' is not 'b/003.png'"
    assert names.hint("same.jpg") == "'same.jpg' fits 'x/same.jpg' or 'y/same.jpg'"
    assert names.hint("img_1.jpg") == "'img_1.jpg' is not 'IMG_1.jpg'"
    assert names.hint("quite another") == ""


def test_forms_of_a_name() -> None:
    assert normal(f" {NFD}/1.jpg") == normal(f"{NFC}\\1.jpg")
    assert [without_suffix(one) for one in ("a.b/c", "a/.jpg", "1.heic", "x.mp4")] == ["a.b/c", "a/.jpg", "1", "x.mp4"]
