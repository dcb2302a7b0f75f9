"""What is held out: whole groups, near copies together, and no class that training lacks."""

import io

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.builtin import photos
from regard.data.imageset import ImageSet
from regard.learning.held_out import held_out
from regard.learning.look import Look, split_by_hash


def found(n: int, columns: dict | None = None, labels: list[str] | None = None, items: list | None = None) -> Look:
    items = items or [np.full((8, 8), i % 256, np.uint8) for i in range(n)]
    images = ImageSet(items, np.array([f"i{i:03d}" for i in range(n)]), labels and np.array(labels), columns or {})
    return Look(images, np.array([f"{i:032x}" for i in range(n)]), 8, True)


def codes(labels: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    names, places = np.unique(labels, return_inverse=True)
    return places, tuple(names.tolist())


def test_without_more_it_is_the_cut_by_content() -> None:
    rows, out, notes = held_out(found(200), 0.1)
    before = split_by_hash(found(200).hashes, 0.1)
    assert (rows == before[0]).all() and (out == before[1]).all() and notes == ()


def test_a_group_is_on_one_side_and_the_cut_does_not_depend_on_the_order() -> None:
    groups = np.array([f"g{i // 5}" for i in range(200)])
    look = found(200, {"identity": groups})
    rows, out, _ = held_out(look, 0.2, "identity")
    assert len(rows) + len(out) == 200 and not set(groups[rows]) & set(groups[out])
    assert 36 <= len(out) <= 44
    order = np.random.default_rng(0).permutation(200)
    turned = Look(look.images.subset(order), look.hashes[order], 8, True)
    again = held_out(turned, 0.2, "identity")
    assert set(turned.images.ids[again.out]) == set(look.images.ids[out])


def test_images_without_a_group_are_things_of_their_own() -> None:
    groups = np.array(["big"] * 100 + [""] * 100)
    rows, out, _ = held_out(found(200, {"session": groups}), 0.2, "session")
    assert len(out) == 40 or set(range(100)) <= set(out.tolist())
    assert len({groups[i] for i in out if groups[i]} & {groups[i] for i in rows if groups[i]}) == 0


def test_one_group_or_one_that_is_too_large_is_told() -> None:
    with pytest.raises(InputError, match="all images belong together"):
        held_out(found(40, {"day": np.array(["one"] * 40)}), 0.1, "day")
    with pytest.raises(InputError, match="expected one of identity, near-copies, got 'identiy'.*Did you mean"):
        held_out(found(40, {"identity": np.array(["one"] * 40)}), 0.1, "identiy")
    mixed = np.array(["a"] * 39 + ["b"])
    _, out, _ = held_out(found(40, {"day": mixed}), 0.2, "day")
    assert out.tolist() == [39], "never over half of the images"


def test_a_column_that_says_what_belongs_together_is_named_where_it_was_not_asked() -> None:
    groups = np.array([f"g{i // 5}" for i in range(200)])
    _, out, notes = held_out(found(200, {"identity": groups}), 0.1)
    assert len(notes) == 1 and "--holdout-by identity" in notes[0] and f"of {len(out)} held-out" in notes[0]
    assert held_out(found(200, {"identity": np.arange(200).astype(str)}), 0.1).notes == ()
    marks, classes = codes(groups.tolist())
    assert held_out(found(200, {"identity": groups}), 0.1, None, marks, classes).notes == (), "each class is one thing"


def test_a_class_with_one_image_is_learned_from() -> None:
    for lonely in range(40):
        labels = ["a", "b"] * 20
        labels[lonely] = "lonely"
        marks, classes = codes(labels)
        rows, out, notes = held_out(found(40, labels=labels), 0.2, None, marks, classes)
        assert lonely in rows and len(rows) + len(out) == 40
        assert bool(notes) == (lonely in split_by_hash(found(40).hashes, 0.2)[1])
        assert all("'lonely'" in note for note in notes)


def test_the_group_of_a_lost_class_goes_back_whole() -> None:
    groups = np.array([f"g{i // 4}" for i in range(40)])
    _, out, _ = held_out(found(40, {"identity": groups}), 0.3, "identity")
    lost = groups[out[0]]
    labels = ["lonely" if group == lost else "ab"[i % 2] for i, group in enumerate(groups)]
    marks, classes = codes(labels)
    rows, out, notes = held_out(found(40, {"identity": groups}, labels), 0.3, "identity", marks, classes)
    assert set(np.flatnonzero(groups == lost)) <= set(rows) and "'lonely'" in notes[0]
    assert not set(groups[rows]) & set(groups[out])


def test_a_label_of_several_that_only_held_out_images_have_goes_back() -> None:
    out = split_by_hash(found(40).hashes, 0.2)[1]
    marks = np.zeros((40, 2), bool)
    marks[::2, 0] = True
    marks[out[0], 1] = True
    cut = held_out(found(40), 0.2, None, marks, ("often", "once"))
    assert out[0] in cut.train and "'once'" in cut.notes[0]


def test_a_label_of_its_own_for_each_image_is_refused() -> None:
    labels = [f"name {i}" for i in range(40)]
    marks, classes = codes(labels)
    with pytest.raises(InputError, match="40 classes for 40 images.*label a name of its own"):
        held_out(found(40, labels=labels), 0.2, None, marks, classes)


def worse(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def test_near_copies_lie_on_one_side() -> None:
    originals = [np.asarray(Image.open(path).convert("RGB").resize((96, 96))) for path in photos().items]
    items = [one for pixels in originals for one in (pixels, worse(pixels, 40), (pixels * 0.8).astype(np.uint8))]
    look = found(len(items), items=items)
    thing = np.arange(len(items)) // 3
    plain = held_out(look, 0.3)
    assert set(thing[plain.out]) & set(thing[plain.train]), "copies that differ in bytes are torn apart without it"
    cut = held_out(look, 0.3, "near-copies")
    assert not set(thing[cut.out]) & set(thing[cut.train])
    assert len(cut.out) > 0 and "near copies" in cut.notes[0]
