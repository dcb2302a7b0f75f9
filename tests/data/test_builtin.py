import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from regard.core.checks import InputError
from regard.data import _photos
from regard.data import builtin as sets
from regard.data.decode import decode
from regard.data.rendered import FONTS, font_file, rendered_digits


def test_names_and_the_nearest_one():
    names = ["digits", "digits_photos", "faces", "photo_crops", "photos", "rendered_digits", "scenes", "scenes_b"]
    assert sets.builtin_names() == names
    with pytest.raises(InputError, match="Did you mean 'rendered_digits'"):
        sets.builtin("rendered-digits")


def test_digits_are_scikit_learns():
    images = sets.builtin("digits")
    raw = load_digits()
    assert len(images) == 1797 and images.ids[[0, -1]].tolist() == ["digits/0000", "digits/1796"]
    assert images.labels.tolist() == [str(label) for label in raw.target]
    pixels = np.stack(images.items)
    assert pixels.dtype == np.uint8 and pixels.shape == (1797, 8, 8) and pixels.max() == 255
    assert np.array_equal((pixels * 16.0 / 255).round(), raw.images)


def test_faces_are_half_and_half_and_the_labels_are_right():
    images = sets.builtin("faces")
    pixels = np.stack(images.items)
    assert pixels.shape == (200, 25, 25) and pixels.dtype == np.uint8 and pixels.max() > 200
    assert images.labels.tolist() == ["face"] * 100 + ["background"] * 100
    # the labels fit the pixels: faces are nearer to faces, by correlation
    flat = pixels.reshape(200, -1) / 255.0
    flat = flat - flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9
    assert cross_val_score(KNeighborsClassifier(1), flat, images.labels).mean() > 0.85


def test_photos_can_be_decoded_and_say_what_they_are():
    images = sets.builtin("photos")
    assert len(images) == 20 and images.labels is None and not images.set_aside
    for item, kind in zip(images.items, images.columns["kind"]):
        pixels = decode(item).float()
        colourful = (pixels - pixels.mean(0)).abs().mean() > 1
        assert min(pixels.shape[1:]) >= 100 and bool(colourful) == (kind == "colour"), item


def test_a_photo_that_is_not_installed_is_set_aside(monkeypatch):
    monkeypatch.setattr(_photos, "GREY", (("skimage", "data", "gone.png"),))
    images = sets.photos()
    assert len(images) == 10 and images.set_aside == ({"path": "gone.png", "cause": "not in the installed skimage"},)


def test_photo_crops_are_parts_of_their_photos():
    images = sets.photo_crops(45, 32, seed=1)
    assert len(images) == 45 and {item.shape for item in images.items} == {(32, 32, 3)}
    assert np.unique(images.labels, return_counts=True)[1].tolist().count(3) == 5
    assert np.array_equal(images.labels, images.columns["identity"])
    assert images.ids[0] == "photo_crops/china/0000"
    again = sets.photo_crops(45, 32, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(images.items, again.items))
    other = sets.photo_crops(45, 32, seed=2)
    assert not all(np.array_equal(a, b) for a, b in zip(images.items, other.items))
    with pytest.raises(InputError, match="^size: "):
        sets.photo_crops(4, 2)


def test_rendered_digits_are_balanced_and_repeatable():
    images = rendered_digits(300, seed=3)
    assert np.unique(images.labels, return_counts=True)[1].tolist() == [30] * 10
    assert set(images.columns["font"]) <= set(FONTS) and len(set(images.columns["font"])) == len(FONTS)
    pixels = np.stack(images.items)
    assert pixels.dtype == np.uint8 and pixels.shape == (300, 8, 8)
    assert np.array_equal(pixels, np.stack(rendered_digits(300, seed=3).items))
    assert not np.array_equal(pixels, np.stack(rendered_digits(300, seed=4).items))
    assert len(np.unique(pixels.reshape(300, -1), axis=0)) == 300
    assert rendered_digits(10, size=32).items[0].shape == (32, 32)
    with pytest.raises(InputError, match="^n: "):
        rendered_digits(3)


def test_every_font_draws_ten_different_digits():
    from regard.data.rendered import _glyph

    for font in FONTS:
        assert font_file(font).is_file()
        drawn = [np.asarray(_glyph(font, digit, 0).resize((16, 16))).astype(float).ravel() for digit in range(10)]
        alike = np.corrcoef(drawn) - np.eye(10)
        assert alike.max() < 0.95, font


def test_print_and_hand_are_two_domains_of_one_task():
    # 1-NN on pixels: reads print from print, hand from print far worse, yet much better than by chance
    source, other, target = rendered_digits(1000), rendered_digits(300, seed=1), sets.builtin("digits")
    x, z, t = (np.stack(images.items).reshape(len(images), -1) / 255.0 for images in (source, other, target))
    nearest = KNeighborsClassifier(1).fit(x, source.labels)
    assert nearest.score(z, other.labels) > 0.93
    assert 0.5 < nearest.score(t, target.labels) < 0.75
