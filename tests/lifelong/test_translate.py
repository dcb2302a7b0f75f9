"""Maps from old to new vectors: exact where the change is affine; leaving one out is fitting again without it."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.lifelong.translate import learn_translation
from regard.lifelong.translate_maps import (
    Fit,
    at_unit,
    errors_of,
    moved,
    orthogonal,
    ridge,
    ridge_to_identity,
)


def draw(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def affine(d: int, e: int, seed: int = 1):
    rng = np.random.default_rng(seed)
    W, b = rng.normal(size=(d, e)), rng.normal(size=e)
    return lambda x: x @ W + b


@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize(("d", "e"), [(10, 10), (10, 14), (14, 10)])
def test_an_affine_change_is_translated_without_error(d, e, cosine) -> None:
    x = draw(200, d)
    y = affine(d, e)(x)
    found = learn_translation(x[:30], y[:30], cosine=cosine)
    np.testing.assert_allclose(found.apply(x[30:]), y[30:], atol=1e-9)
    assert found.errors.max() < 1e-12
    assert found.fit.method in ("ridge", "ridge to identity") and not found.fit.unit


def test_fewer_pairs_than_numbers_are_enough_where_vectors_lie_in_few_directions() -> None:
    x = draw(100, 6) @ draw(6, 50, 3)
    y = affine(50, 40)(x)
    found = learn_translation(x[:12], y[:12])
    np.testing.assert_allclose(found.apply(x[12:]), y[12:], atol=1e-8)


def test_float32_stays_float32() -> None:
    x = draw(60, 5).astype(np.float32)
    y = affine(5, 7)(x).astype(np.float32)
    out = learn_translation(x[:20], y[:20]).apply(x[20:])
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, y[20:], atol=1e-4)


@pytest.mark.parametrize("n", [9, 40])
@pytest.mark.parametrize("method", [ridge, ridge_to_identity])
def test_leaving_one_out_is_fitting_again_without_it(method, n) -> None:
    x = draw(n, 12)
    y = draw(n, 12, 5) + 0.7 * x
    found = method(x, y)
    a = 0.0
    if method is ridge_to_identity:
        centred = x - x.mean(axis=0)
        a = (centred * (y - y.mean(axis=0))).sum() / (centred**2).sum()
    for i in range(n):
        rest = np.arange(n) != i
        mean, target = x[rest].mean(axis=0), (y - a * x)[rest]
        inner = x[rest] - mean
        W = np.linalg.solve(inner.T @ inner + found.penalty * np.eye(12), inner.T @ (target - target.mean(axis=0)))
        plain = (x[i] - mean) @ W + target.mean(axis=0) + a * x[i]
        np.testing.assert_allclose(found.held_out[i], plain, atol=1e-8)


def test_the_penalty_is_where_pairs_that_are_left_out_are_missed_least() -> None:
    x = draw(40, 12)
    y = x @ draw(12, 3, 2) + 2 * draw(40, 3, 4)
    found = ridge(x, y)

    def missed(penalty: float) -> float:
        centred = x - x.mean(axis=0)
        H = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(12), centred.T) + 1 / 40
        return float((((y - H @ y) / (1 - np.diag(H))[:, None]) ** 2).sum())

    assert all(missed(found.penalty) <= missed(found.penalty * times) for times in (0.05, 0.3, 3, 20))
    assert found.penalty > 1e-3


def test_two_images_that_are_nearly_one_do_not_choose_the_least_penalty() -> None:
    # what generalised cross-validation does here: it sees the one direction of their difference, and that all is met
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 120)) * np.arange(1, 121) ** -0.5
    y = x @ rng.normal(size=(120, 60)) * 0.3 + rng.normal(size=(300, 60))
    x[89], y[89] = x[88] + 1e-6 * rng.normal(size=120), y[88] + 1e-6 * rng.normal(size=60)
    found = ridge(x[:90], y[:90])
    assert found.penalty > 0.1
    assert errors_of(moved(found, x[90:]), y[90:], False).mean() < 1.1


def test_more_pairs_than_judges_choose_the_same_way() -> None:
    x = draw(700, 5)
    y = x @ draw(5, 3, 2) + draw(700, 3, 4)
    found = ridge(x, y)
    assert found.held_out.shape == y.shape and 0 < found.penalty < 1e3


def test_a_rotation_is_found_and_what_no_pair_has_stays() -> None:
    rotation = np.linalg.qr(draw(8, 8))[0]
    x = draw(30, 8)
    y = 2.5 * x @ rotation + draw(1, 8, 9)
    found = orthogonal(x, y)
    np.testing.assert_allclose(moved(found, x), y, atol=1e-9)
    np.testing.assert_allclose(found.weight.T @ found.weight, 2.5**2 * np.eye(8), atol=1e-9)
    narrow = np.zeros((30, 8))
    narrow[:, :3] = x[:, :3]
    turned = narrow.copy()
    turned[:, :3] = narrow[:, :3] @ np.linalg.qr(draw(3, 3, 7))[0]
    kept = orthogonal(narrow, turned).weight
    np.testing.assert_allclose(kept[3:, 3:], np.eye(5), atol=1e-6)


def test_the_map_with_the_least_error_of_those_left_out_is_taken() -> None:
    # hardly more than as many pairs as numbers, and a change that is near the identity
    x = draw(400, 30)
    y = x + 0.05 * draw(400, 30, 2) @ draw(30, 30, 3) / 5
    found = learn_translation(x[:20], y[:20])
    assert found.tried["ridge to identity"] < found.tried["ridge"]
    assert found.fit.method == "ridge to identity" or found.fit.method == "orthogonal"
    others = errors_of(found.apply(x[20:]), y[20:], cosine=True).mean()
    alone = errors_of(moved(ridge(x[:20], y[:20]), x[20:]), y[20:], cosine=True).mean()
    assert others < alone / 2


def test_vectors_at_length_1_where_only_their_direction_is_kept() -> None:
    rng = np.random.default_rng(0)
    direction = at_unit(draw(300, 6))
    x = direction * rng.uniform(0.2, 5, (300, 1))  # lengths that say nothing of the new vectors
    y = at_unit(direction @ draw(6, 9, 2) + 0.3)
    found = learn_translation(x[:60], y[:60])
    assert found.fit.unit
    assert np.linalg.norm(found.apply(x[60:]), axis=1) == pytest.approx(np.ones(240), abs=1e-9)


def test_far_from_the_pairs_more_error_is_expected_and_there_is_more() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 20)) * np.logspace(0, -1, 20)
    y = np.tanh(x @ draw(20, 20, 4))  # near to linear in the middle, and less and less so outside
    found = learn_translation(x[:80], y[:80], cosine=False)
    expected, true = found.error_of(x[80:]), errors_of(found.apply(x[80:]), y[80:], cosine=False)
    worst = np.argsort(-expected)[:100]
    assert true[worst].mean() > 1.25 * true.mean()
    assert found.expected.agreement > 0
    assert (found.expected.weights >= 0).all()


def test_mistakes_are_said() -> None:
    x = draw(10, 4)
    with pytest.raises(InputError, match="one for each old one"):
        learn_translation(x, x[:9])
    with pytest.raises(InputError, match="at least 8"):
        learn_translation(x[:7], x[:7])
    with pytest.raises(InputError, match="all alike"):
        learn_translation(np.ones((10, 4)), x)
    with pytest.raises(InputError, match="new"):
        learn_translation(x, np.full((10, 4), np.nan))


def test_it_says_which_map_it_is() -> None:
    zero = np.zeros(1)
    from regard.lifelong.translate_maps import named

    assert named(Fit("ridge", True, zero, zero, zero, 1.0, zero)) == "ridge, length 1"
