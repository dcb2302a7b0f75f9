"""Queries from several images: hand-worked directions, what negatives take away, and what cancels out."""

import numpy as np
import pytest

from helpers.arrays import unit
from regard.core.checks import InputError
from regard.reuse.search.query.combine import combine


def test_one_positive_is_itself_at_length_one() -> None:
    np.testing.assert_allclose(combine([[3.0, 4.0]]), [0.6, 0.8])


def test_length_of_an_example_does_not_matter() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((3, 5)), draw.standard_normal((2, 5))
    np.testing.assert_allclose(combine(x * [[1], [10], [0.1]], 7 * y), combine(x, y))


def test_formula_by_hand() -> None:
    # mean of (1,0,0), (0,1,0) is (.5,.5,0); less half of (0,0,1) is (.5,.5,-.5)
    found = combine([[1, 0, 0], [0, 2, 0]], [[0, 0, 5]])
    np.testing.assert_allclose(found, np.array([1, 1, -1]) / np.sqrt(3))
    np.testing.assert_allclose(combine([[1, 0, 0], [0, 2, 0]], [[0, 0, 5]], beta=0), combine([[1, 0, 0], [0, 1, 0]]))


def test_two_negatives_count_as_their_mean() -> None:
    draw = np.random.default_rng(1)
    wanted, unwanted = draw.standard_normal((3, 6)), draw.standard_normal((2, 6))
    plain = sum(v / np.linalg.norm(v) for v in wanted) / 3 - 0.3 * sum(v / np.linalg.norm(v) for v in unwanted) / 2
    found = combine(wanted, unwanted, beta=0.3)
    np.testing.assert_allclose(found, plain / np.linalg.norm(plain))
    assert np.linalg.norm(found) == pytest.approx(1)


def test_negatives_move_what_is_shared_out_of_the_result() -> None:
    """Red cars, less a blue car, ranks red bicycles above blue cars."""
    red, blue, car, bicycle = np.eye(4)
    shelf = unit(np.stack([red + car, blue + car, red + bicycle]))
    plain, less = combine(shelf[:1]), combine(shelf[:1], shelf[1:2])
    assert shelf[1] @ plain == pytest.approx(shelf[2] @ plain)
    assert shelf[2] @ less > shelf[1] @ less + 0.2
    assert (shelf @ less).argmax() == 0


def test_several_examples_find_their_class_better_than_one() -> None:
    draw = np.random.default_rng(0)
    centre = unit(draw.standard_normal(32))
    examples, others = (unit(centre + 0.4 * draw.standard_normal((n, 32))) for n in (5, 100))
    alone = np.mean([others @ combine(example[None]) for example in examples])
    assert (others @ combine(examples)).mean() > alone + 0.1


def test_input_is_not_changed() -> None:
    x = np.array([[2.0, 0]])
    combine(x, x[:, ::-1])
    assert x.tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize(
    ("positives", "negatives", "beta", "message"),
    [
        ([[1.0, 0], [-1, 0]], None, 0.5, "positives: expected examples that leave a direction"),
        ([[1.0, 0]], [[2.0, 0]], 1.0, "cancel out with the negatives at beta=1.*smaller beta"),
        ([[0.0, 0]], None, 0.5, "positives: expected vectors with a direction"),
        ([[1.0, 0]], [[1.0, 0], [0, 0]], 0.5, r"negatives.*row 1"),
        ([[1.0, 0]], [[1.0, 0, 0]], 0.5, "negatives: expected 2"),
        ([[1.0, np.nan]], None, 0.5, "NaN"),
        ([1.0, 0.0], None, 0.5, "positives"),
        (np.zeros((0, 2)), None, 0.5, "positives"),
        ([[1.0, 0]], np.zeros((0, 2)), 0.5, "negatives"),
        ([[1.0, 0]], None, -1, "beta"),
    ],
)
def test_wrong_input_is_named(positives: object, negatives: object, beta: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        combine(positives, negatives, beta)
