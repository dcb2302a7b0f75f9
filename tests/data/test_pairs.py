import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from regard.core.checks import InputError
from regard.data import blended
from regard.data.blended import digits_photos
from regard.data.builtin import builtin, builtin_item
from regard.data.decode import decode
from regard.data.handwritten import digits
from regard.data.pairs import pair, pair_names
from regard.data.sampling import split


def pixels(images):
    return np.stack([decode(item).float().mean(0).numpy().ravel() / 255 for item in images.items])


def of_digit(images):
    """The digits of scikit-learn that these pictures show."""
    return set(images.columns.get("identity", images.ids).tolist())


def test_names():
    assert pair_names() == ["digits-corrupted", "digits-photos", "rendered-digits"]


@pytest.mark.parametrize("name", [*pair_names(), "digits-corrupted:contrast:3"])
def test_no_digit_is_in_two_parts(name):
    found = pair(name, seed=1)
    assert found.name == name and found.target.labels is None
    assert np.array_equal(found.target.ids, found.target_labelled.ids)
    assert found.source.classes == found.test.classes == found.target_labelled.classes == [str(i) for i in range(10)]
    target, test = of_digit(found.target), of_digit(found.test)
    source = of_digit(found.source)
    assert not source & target and not source & test and not target & test
    assert len(target) == len(found.target) and len(test) == 599
    if name == "rendered-digits":
        assert len(source) == 2000 and len(target | test) == 1797
    else:
        assert len(source | target | test) == 1797
        assert found.source.items[0].shape[:2] == found.target.items[0].shape[:2] == (32, 32)


def test_labels_are_those_of_the_digits():
    truth = dict(zip(digits().ids.tolist(), digits().labels.tolist()))
    for name in ("digits-photos", "digits-corrupted"):
        found = pair(name)
        for part in (found.source, found.target_labelled, found.test):
            named = part.columns.get("identity", part.ids)
            assert [truth[one] for one in named.tolist()] == part.labels.tolist()


def test_a_seed_draws_all_of_it():
    one, same, other = pair("digits-photos", 3), pair("digits-photos", 3), pair("digits-photos", 4)
    assert np.array_equal(one.test.ids, same.test.ids) and not np.array_equal(one.test.ids, other.test.ids)
    assert all(np.array_equal(a, b) for a, b in zip(one.test.items, same.test.items))


def test_a_third_is_cut_as_the_digits_themselves_are():
    assert np.array_equal(pair("rendered-digits", 5).test.ids, split(digits(), 1 / 3, 5)[1].ids)
    assert of_digit(pair("digits-photos", 5).test) == set(split(digits(), 1 / 3, 5)[1].ids.tolist())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits-photo", "^name: expected one of digits-corrupted, digits-photos, .* Did you mean 'digits-photos'"),
        ("digits-corrupted:fog", "^name: expected digits-corrupted:NAME:SEVERITY"),
        ("digits-corrupted:fog:7", "^name: expected a severity from 1 to 5, got '7'"),
        ("digits-corrupted:fgo:1", "^name: .* Did you mean 'fog'"),
        ("digits-corrupted:fog:1:2", "^name: expected digits-corrupted:NAME:SEVERITY"),
        ("digits-photos:fog:1", "^name: "),
    ],
)
def test_unknown_pairs(name, message):
    with pytest.raises(InputError, match=message):
        pair(name)


def test_blended_digits_are_the_difference_of_a_patch_and_the_digit():
    images = digits_photos()
    large = digits(32)
    for row in (0, 700, 1796):
        album = blended._album(32)[str(images.columns["photo"][row])]
        digit = large.items[row].astype(int)
        ground = images.items[row].astype(int)
        black = digit == 0
        # where the digit is black the photograph is seen: find the patch by these pixels
        windows = np.lib.stride_tricks.sliding_window_view(album, (32, 32), axis=(0, 1))
        fits = np.ones(windows.shape[:2], dtype=bool)
        for place in np.argwhere(black)[:40]:
            fits &= (windows[:, :, :, place[0], place[1]] == ground[place[0], place[1]]).all(axis=2)
        top, left = np.argwhere(fits)[0]
        patch = album[top : top + 32, left : left + 32].astype(int)
        assert np.array_equal(ground, np.abs(patch - digit[..., None]))


def test_blended_digits_are_a_built_in_set():
    images = builtin("digits_photos")
    assert len(images) == 1797 and {item.shape for item in images.items} == {(32, 32, 3)}
    assert len(set(images.columns["photo"].tolist())) == 10
    assert np.array_equal(images.labels, digits().labels)
    assert np.array_equal(builtin_item("digits_photos/0007"), images.items[7])
    assert digits_photos(16).items[0].shape == (16, 16, 3)
    with pytest.raises(InputError, match="^size: "):
        digits_photos(4)


def test_photos_behind_digits_are_a_shift_that_target_labels_would_close():
    found = pair("digits-photos")
    source, target, test = map(pixels, (found.source, found.target, found.test))
    alone = KNeighborsClassifier(1).fit(source, found.source.labels).score(test, found.test.labels)
    ceiling = KNeighborsClassifier(1).fit(target, found.target_labelled.labels).score(test, found.test.labels)
    assert 0.3 < alone < 0.55 and ceiling > alone + 0.2
