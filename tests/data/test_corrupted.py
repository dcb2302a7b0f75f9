from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from regard import open_images
from regard.core.checks import InputError
from regard.core.runtime import derive_seed
from regard.data.builtin import builtin, photos
from regard.data.corrupted import MIXED, corrupted_images, read_name
from regard.data.corruptions import NAMES, corrupted
from regard.data.decode import decode
from regard.data.sampling import split


@pytest.fixture
def digits():
    return builtin("digits").subset(np.arange(60))


def test_pictures_are_corrupted_by_seeds_that_follow_from_their_ids(digits):
    made = corrupted_images(digits, "gaussian_noise", 4, seed=2)
    assert made.ids[3] == "corrupted/gaussian_noise/4/digits/0003" and np.array_equal(made.labels, digits.labels)
    assert np.array_equal(made.columns["identity"], digits.ids) and set(made.columns["severity"].tolist()) == {4}
    plain = corrupted(digits.items[3], "gaussian_noise", 4, derive_seed(2, "digits/0003"))
    assert np.array_equal(made.items[3], plain)
    # a part of the set has the same pictures, in any order
    part = made.subset([40, 3])
    assert np.array_equal(part.items[1], plain) and np.array_equal(part.items[0], made.items[40])
    assert np.array_equal(made.items[2:5][1], plain)
    assert made.paths.tolist() == [""] * 60
    assert not np.array_equal(corrupted_images(digits, "gaussian_noise", 4, seed=3).items[3], plain)


def test_a_split_cuts_clean_and_corrupted_alike(digits):
    clean, test = split(digits, 0.25, seed=1)
    others, tested = split(corrupted_images(digits, "fog", 1), 0.25, seed=1, by="identity")
    assert np.array_equal(others.columns["identity"], clean.ids)
    assert np.array_equal(tested.columns["identity"], test.ids)


def test_an_identity_that_is_there_is_kept(digits):
    known = replace(digits, columns={"identity": np.repeat(["a", "b"], 30)})
    assert np.array_equal(corrupted_images(known, "fog", 1).columns["identity"], known.columns["identity"])


def test_mixed_has_each_corruption_as_often():
    made = corrupted_images(builtin("digits"), MIXED, 2)
    names, times = np.unique(made.columns["corruption"], return_counts=True)
    assert set(names.tolist()) == set(NAMES) and times.max() - times.min() <= 1
    row = int(np.flatnonzero(made.columns["corruption"] == "contrast")[0])
    item = builtin("digits").items[row]
    assert np.array_equal(made.items[row], corrupted(item, "contrast", 2))


def test_files_are_decoded_and_brought_down_first(tmp_path):
    photo = next(path for path in photos().items if path.stem == "astronaut")
    made = corrupted_images(open_images([photo]), "brightness", 2, side=64)
    small = Image.open(photo).convert("RGB").resize((64, 64), Image.Resampling.LANCZOS)
    assert made.items[0].shape == (64, 64, 3)
    assert np.abs(made.items[0].astype(int) - corrupted(np.asarray(small), "brightness", 2)).max() <= 2
    whole = corrupted_images(open_images([photo]), "brightness", 2, side=1000)
    assert np.array_equal(whole.items[0], corrupted(decode(photo).permute(1, 2, 0).numpy(), "brightness", 2))
    # one that cannot be read is what it was, for whoever reads it to say why
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert corrupted_images(open_images([tmp_path / "broken.png"]), "fog").items[0] == tmp_path / "broken.png"


def test_annotations_are_left_out():
    made = corrupted_images(builtin("scenes").subset(np.arange(2)), "elastic_transform", 5)
    assert made.annotations is None and made.items[1].shape == (96, 96, 3)


def test_the_name_of_a_source(tmp_path):
    made = open_images("corrupted:snow:2:builtin:digits")
    assert len(made) == 1797 and made.name == "digits (snow, severity 2)"
    Image.new("RGB", (20, 20), (9, 99, 199)).save(tmp_path / "a.png")
    folder = open_images(f"corrupted:contrast:5:{tmp_path}")
    assert folder.ids.tolist() == ["corrupted/contrast/5/a.png"]
    assert (folder.items[0] == (9, 99, 199)).all()
    assert read_name("corrupted:mixed:1:C:\\pictures") == ("mixed", 1, "C:\\pictures")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("corrupted:fog", "^TEST: expected corrupted:NAME:SEVERITY:SOURCE, got 'corrupted:fog'. For example"),
        ("corrupted:fog:3:", "^TEST: expected corrupted:NAME:SEVERITY:SOURCE"),
        ("corrupted:frogs:3:builtin:digits", "^TEST: expected one of 16 names, got 'frogs'. Did you mean"),
        ("corrupted:fog:9:builtin:digits", "^TEST: expected a severity from 1 to 5, got '9'"),
        ("corrupted:fog:3:builtin:digts", "Did you mean 'digits'"),
        ("corrupted:fog:3:nowhere", "^TEST: expected a file or folder that exists"),
    ],
)
def test_names_that_say_nothing(source, message):
    with pytest.raises(InputError, match=message):
        open_images(source, argument="TEST")


def test_what_corrupted_images_refuses(digits):
    with pytest.raises(InputError, match="^name: "):
        corrupted_images(digits, "frogs")
    with pytest.raises(InputError, match="^severity: "):
        corrupted_images(digits, "fog", 0)
    with pytest.raises(InputError, match="^side: "):
        corrupted_images(digits, "fog", 1, side=4)
