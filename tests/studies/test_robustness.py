from dataclasses import replace

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.builtin import builtin
from regard.data.corrupted import corrupted_images
from regard.data.handwritten import digits
from regard.data.sampling import split
from regard.metrics.corruption_error import mean_corruption_error
from regard.reuse.probe import probe
from regard.studies.robustness import linear_on, robustness


@pytest.fixture(scope="module")
def sides():
    train, test = split(digits(16).subset(np.arange(300)), 0.25, seed=0)
    return train, test


def bright(images):
    """A classifier of whether the mean is above 80, as that of about half the digits is."""
    return np.where([np.mean(item) > 80 for item in images.items], "bright", "dark")


def test_a_classifier_is_asked_of_every_corruption_and_severity(sides):
    images = _labelled(sides[1])
    found = robustness(bright, images, corruptions=("brightness", "contrast"), severities=(1, 5), seed=3)
    assert found.clean.mean == 1 and list(found.accuracy) == ["brightness", "contrast"]
    for name in found.accuracy:
        plain = [np.mean(bright(corrupted_images(images, name, s, 3)) == images.labels) for s in (1, 5)]
        assert found.accuracy[name] == pytest.approx(plain)
    every = [one for row in found.accuracy.values() for one in row]
    assert found.corrupted.mean == pytest.approx(np.mean(every)) and found.corrupted.low < found.corrupted.mean
    assert found.metrics["mean_corruption_error"] == pytest.approx(1 - np.mean(every))
    assert found.metrics["contrast_5"] > 0.9 > found.metrics["brightness_5"]  # contrast leaves the mean as it is
    assert found.rows()[1] == ["contrast", *found.accuracy["contrast"], pytest.approx(np.mean(every[2:]))]


def test_against_another_one_it_is_the_papers(sides):
    def always(images):
        return np.full(len(images), "3")

    asked = {"corruptions": ("snow", "contrast"), "severities": (3,)}
    found, other = (robustness(one, sides[1], **asked) for one in (linear_on(sides[0], "random:convnet4"), always))
    assert found.against(other) == pytest.approx(mean_corruption_error(found.errors, other.errors))
    assert other.against(other) == pytest.approx(1)
    with pytest.raises(InputError, match="^baseline: expected some"):  # always wrong as often
        found.against(other, relative=True)
    less = robustness(always, sides[1], corruptions=("snow", "contrast"), severities=(2,))
    with pytest.raises(InputError, match="^baseline: expected \\(3,\\)"):
        found.against(less)


def test_a_linear_classifier_is_that_of_probe(sides):
    from regard import embed

    train, test = sides
    predict = linear_on(train, "random:convnet4")
    made = corrupted_images(test, "frost", 2)
    vectors = [embed(one, with_="random:convnet4").embeddings for one in (train, made)]
    assert np.array_equal(predict(made), probe(*vectors, classifier="linear").predictions["linear"])


def test_events_tell_how_far_it_is(sides):
    seen = []

    def watch(events):
        for event in events:
            seen.append((event.kind, event.step, event.steps))
            yield event

    asked = {"corruptions": ("contrast",), "severities": (1, 2)}
    plain = robustness(bright, _labelled(sides[1]), **asked)
    told = robustness(bright, _labelled(sides[1]), watch=watch, **asked)
    assert told.accuracy == plain.accuracy
    assert seen == [("scored", 1, 3), ("scored", 2, 3), ("scored", 3, 3), ("done", 3, 3)]


def _labelled(images):
    return replace(images, labels=bright(images))


def test_what_is_refused(sides):
    test = sides[1]
    with pytest.raises(InputError, match="^corruptions: .*Did you mean 'fog'"):
        robustness(bright, test, corruptions=["fgo"])
    with pytest.raises(InputError, match="^corruptions: expected at least one"):
        robustness(bright, test, corruptions=[])
    with pytest.raises(InputError, match="^severity: "):
        robustness(bright, test, severities=[6])
    with pytest.raises(InputError, match="^predict: "):
        robustness(lambda images: ["1"], test)
    with pytest.raises(InputError, match="^test: expected labelled images"):
        robustness(bright, builtin("photos"))
    with pytest.raises(InputError, match="^train: expected labelled images"):
        linear_on(builtin("photos"))
