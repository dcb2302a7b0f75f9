"""Duplicates: which pairs are found, as what, and what decisions of people do to pairs and groups."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from regard.core.checks import InputError
from regard.data.builtin import photo_crops, photos
from regard.data.decode import content_hash
from regard.data.imageset import ImageSet
from regard.data.phash import grey_32
from regard.representation.embeddings import Embeddings
from regard.reuse.duplicates.candidates import by_hash, by_vector, unit_vectors
from regard.reuse.duplicates.find import Duplicates, Pair, find_duplicates
from regard.reuse.duplicates.groups import decide, grouped, ordered, read_decisions

FILES = {Path(str(path)).stem: Path(str(path)) for path in photos().items}


def loaded(name: str) -> np.ndarray:
    path = FILES["motorcycle_left"].with_name(f"{name}.png") if name == "motorcycle_right" else FILES[name]
    image = Image.open(path).convert("RGB")
    image.thumbnail((360, 360))
    return np.asarray(image)


def captioned(image: np.ndarray) -> np.ndarray:
    changed = Image.fromarray(image)
    pen = ImageDraw.Draw(changed)
    pen.rectangle((0, image.shape[0] - 40, image.shape[1], image.shape[0]), fill="white")
    pen.text((5, image.shape[0] - 36), "one line of text", fill="black", font_size=24)
    return np.asarray(changed)


def small_turn(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).rotate(15, Image.Resampling.BICUBIC))


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "dark": lambda image: (image * 0.6).astype(np.uint8),
    "small": lambda image: np.asarray(Image.fromarray(image).resize((180, 130), Image.Resampling.LANCZOS)),
    "mirrored": lambda image: image[:, ::-1],
    "upright": lambda image: np.rot90(image),
    "crop": lambda image: image[30:160, 60:240],
    "turned": small_turn,
    "captioned": captioned,
}
NAMES = ("coffee", "camera", "chelsea")


def collection() -> tuple[ImageSet, np.ndarray]:
    """Photographs with changed copies, and vectors that say which photograph it is, a little."""
    items, ids = [], []
    for name in NAMES:
        items.append(loaded(name))
        ids.append(f"{name}/whole")
        for change, make in CHANGES.items():
            items.append(np.ascontiguousarray(make(items[-1 if change == "dark" else ids.index(f"{name}/whole")])))
            ids.append(f"{name}/{change}")
    for side in ("left", "right"):
        items.append(loaded(f"motorcycle_{side}"))
        ids.append(f"motorcycle/{side}")
    items.append(items[0].copy())
    ids.append("coffee/again")
    of = [name.split("/")[0] for name in ids]
    kinds = sorted(set(of))
    rng = np.random.default_rng(0)
    vectors = np.eye(len(kinds))[[kinds.index(name) for name in of]] + rng.normal(0, 0.05, (len(ids), len(kinds)))
    return ImageSet(items, np.array(ids)), vectors


@pytest.fixture(scope="module")
def found() -> Duplicates:
    images, vectors = collection()
    return find_duplicates(images, vectors, top=len(images))


def pair_of(result: Duplicates, a: str, b: str) -> Pair | None:
    return next((pair for pair in result.pairs if {pair.a, pair.b} == {a, b}), None)


def test_every_changed_copy_is_the_same_photo(found: Duplicates) -> None:
    for name in NAMES:
        for change in CHANGES:
            pair = pair_of(found, f"{name}/whole", f"{name}/{change}")
            assert pair is not None and pair.kind == "same photo", (name, change, pair)
            assert pair.score >= 0.6 and pair.evidence["by"] in ("hash", "spatial")
            assert pair.evidence["mirrored"] == (change == "mirrored")


def test_the_same_bytes_are_identical_and_named_once(found: Duplicates) -> None:
    assert [(pair.a, pair.b) for pair in found.pairs if pair.kind == "identical"] == [("coffee/whole", "coffee/again")]
    assert found.pairs[0].kind == "identical" and found.pairs[0].evidence == {"by": "content"}
    # the other copies are compared with the first of the two alone
    assert pair_of(found, "coffee/again", "coffee/dark") is None


def test_two_cameras_are_one_scene_and_no_group(found: Duplicates) -> None:
    pair = pair_of(found, "motorcycle/left", "motorcycle/right")
    assert pair is not None and pair.kind == "same scene" and 0.3 <= pair.score < 0.6
    assert not any("motorcycle/left" in group for group in found.groups)


def test_no_pair_joins_different_photographs(found: Duplicates) -> None:
    assert all(pair.a.split("/")[0] == pair.b.split("/")[0] for pair in found.pairs)
    assert [sorted({name.split("/")[0] for name in group}) for group in found.groups] == [[name] for name in NAMES]
    # the crop is a part, and in no group
    assert [len(group) for group in found.groups] == [8, 7, 7]
    assert not any(name.endswith("/crop") for group in found.groups for name in group)


def test_pairs_come_by_kind_then_score(found: Duplicates) -> None:
    order = [(("identical", "same photo", "same scene").index(pair.kind), -pair.score) for pair in found.pairs]
    assert order == sorted(order)


def test_a_crop_is_found_in_the_larger_image(found: Duplicates) -> None:
    for name in NAMES:
        pair = pair_of(found, f"{name}/whole", f"{name}/crop")
        assert pair is not None and pair.evidence["part"] == "b"
        np.testing.assert_allclose(pair.evidence["box"], (60, 30, 240, 160), atol=2)
        turned = pair_of(found, f"{name}/whole", f"{name}/dark")
        assert turned is not None and "part" not in turned.evidence


def test_without_vectors_hashes_find_all_but_crops_and_small_turns() -> None:
    images, _ = collection()
    result = find_duplicates(images)
    for name in NAMES:
        for change in ("dark", "small", "mirrored", "upright"):
            pair = pair_of(result, f"{name}/whole", f"{name}/{change}")
            assert pair is not None and pair.evidence["by"] == "hash" and pair.evidence["hamming"] <= 10
        assert pair_of(result, f"{name}/whole", f"{name}/turned") is None
    plain = find_duplicates(images, mirror=False)
    assert pair_of(plain, "camera/whole", "camera/mirrored") is None
    assert pair_of(plain, "camera/whole", "camera/upright") is not None


def test_different_photographs_with_one_caption_are_no_pair() -> None:
    images = [captioned(loaded(name)) for name in NAMES]
    assert find_duplicates(images, np.ones((3, 2))).pairs == []


def test_crops_of_different_photographs_are_no_pair() -> None:
    crops = photo_crops(40, 64, seed=4)
    label = dict(zip(crops.ids.tolist(), crops.need_labels().tolist()))
    result = find_duplicates(crops, np.ones((40, 2)), top=40)
    assert result.pairs and all(label[pair.a] == label[pair.b] for pair in result.pairs)


def test_results_repeat_with_one_thread_or_three() -> None:
    images, vectors = collection()
    some = images.subset(slice(0, 7))
    first = find_duplicates(some, vectors[:7], workers=1)
    assert first == find_duplicates(some, vectors[:7], workers=3)


def test_flat_images_are_identical_or_nothing() -> None:
    flat = [np.full((30, 30, 3), level, np.uint8) for level in (0, 0, 255)]
    result = find_duplicates(flat, np.ones((3, 2)))
    assert [(pair.kind, pair.score) for pair in result.pairs] == [("identical", 1.0)]
    assert find_duplicates([flat[0], np.zeros((5, 5, 3), np.uint8)]).pairs == []


def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    Image.fromarray(loaded("coffee")).save(tmp_path / "a.png")
    Image.fromarray(loaded("coffee")).save(tmp_path / "b.jpg", quality=90)
    (tmp_path / "c.png").write_bytes(b"nothing")
    result = find_duplicates(tmp_path)
    assert [(pair.a, pair.b, pair.kind) for pair in result.pairs] == [("a.png", "b.jpg", "same photo")]
    assert [row["path"] for row in result.set_aside] == ["c.png"] and result.set_aside[0]["cause"]
    assert result.hashes["a.png"] == content_hash((tmp_path / "a.png").read_bytes())


def test_decisions_are_kept_and_honoured(tmp_path: Path) -> None:
    images = [loaded("coffee"), (loaded("coffee") * 0.7).astype(np.uint8), loaded("chelsea")]
    file = tmp_path / "kept" / "decisions.json"
    first = find_duplicates(images)
    names = list(first.hashes)
    assert [(pair.a, pair.b) for pair in first.pairs] == [(names[0], names[1])]
    one, two, three = (first.hashes[name] for name in names)
    decide(file, two, one, "different")
    decide(file, one, three, "same")
    again = find_duplicates(images, decisions=file)
    assert [(pair.a, pair.b, pair.evidence["by"]) for pair in again.pairs] == [(names[0], names[2], "decision")]
    assert again.groups == [[names[0], names[2]]]
    # a later verdict takes the place of an earlier one, in whichever order the two are named
    decide(file, one, two, "same")
    assert read_decisions(file) == {ordered(one, two): "same", ordered(one, three): "same"}
    assert find_duplicates(images, decisions=read_decisions(file)).groups == [names]
    assert list(tmp_path.joinpath("kept").iterdir()) == [file]  # nothing half-written lies beside it
    assert json.loads(file.read_text()) == {" ".join(ordered(one, two)): "same", " ".join(ordered(one, three)): "same"}


def test_decisions_are_checked(tmp_path: Path) -> None:
    assert read_decisions(tmp_path / "none.json") == {}
    with pytest.raises(InputError, match="verdict"):
        decide(tmp_path / "d.json", "a", "b", "maybe")
    with pytest.raises(InputError, match="another image"):
        decide(tmp_path / "d.json", "a", "a", "same")
    (tmp_path / "d.json").write_text('{"a b": "perhaps"}')
    with pytest.raises(InputError, match="decisions"):
        read_decisions(tmp_path / "d.json")


def test_groups_are_the_connected_parts_and_what_is_apart_stays_so() -> None:
    rng = np.random.default_rng(3)
    links = [(int(i), int(j)) for i, j in rng.integers(0, 60, (35, 2)) if i != j]
    near = np.eye(60, dtype=bool)
    for i, j in links:
        near[i, j] = near[j, i] = True
    for _ in range(6):
        near = near @ near
    expected = sorted({tuple(np.flatnonzero(row).tolist()) for row in near if row.sum() > 1})
    assert [tuple(group) for group in grouped(60, links)] == expected and len(expected) > 3
    # 0 and 3 are apart: the chain breaks at its last link
    assert grouped(4, [(0, 1), (1, 2), (2, 3)], apart=[(3, 0)]) == [[0, 1, 2]]
    assert grouped(4, [(2, 3), (1, 2), (0, 1)], apart=[(0, 3)]) == [[1, 2, 3]]
    assert grouped(4, [(0, 1), (2, 3), (1, 2)], apart=[(0, 3)]) == [[0, 1], [2, 3]]


def test_candidates_by_hash_say_how_one_was_turned() -> None:
    picture = loaded("coffee")
    greys = [grey_32(picture), grey_32(np.rot90(picture)), grey_32(np.full((40, 40, 3), 9, np.uint8))]
    assert by_hash(greys, 4) == {(0, 1): {"hamming": by_hash(greys, 4)[0, 1]["hamming"], "place": 1}}
    mirrored = [grey_32(picture[:, ::-1]), grey_32(picture)]
    assert by_hash(mirrored, 4)[0, 1]["place"] == 4 and by_hash(mirrored, 4, mirror=False) == {}


def test_candidates_by_vector_are_near_from_either_side() -> None:
    angle = np.radians([0, 10, 25, 90])
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    found = by_vector(unit, top=1, cosine=0.5)
    assert sorted(found) == [(0, 1), (1, 2)]  # 90 degrees' nearest is too far
    assert found[0, 1]["cosine"] == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert sorted(by_vector(unit, top=3, cosine=0.4)) == [(0, 1), (0, 2), (1, 2), (2, 3)]


def test_vectors_must_belong_to_the_images() -> None:
    ids = np.array(["a", "b"])
    vectors = np.array([[0.0, 2.0], [3.0, 0.0]])
    given = Embeddings(vectors[::-1].copy(), np.array(["b", "a"]))
    np.testing.assert_array_equal(unit_vectors(given, ids), unit_vectors(vectors, ids))
    np.testing.assert_array_equal(unit_vectors(vectors, ids), [[0, 1], [1, 0]])
    with pytest.raises(InputError, match="none for 1 images"):
        unit_vectors(given.subset([1]), ids)
    with pytest.raises(InputError, match="3 vectors"):
        unit_vectors(np.ones((3, 2)), ids)
    with pytest.raises(InputError, match="zeros"):
        unit_vectors(np.zeros((2, 2)), ids)


def test_settings_are_checked() -> None:
    images = [loaded("coffee")]
    for settings in ({"radius": 65}, {"top": 0}, {"cosine": 2}, {"workers": 0}):
        with pytest.raises(InputError, match=next(iter(settings))):
            find_duplicates(images, **settings)  # type: ignore[arg-type]
    assert find_duplicates(images).pairs == []
