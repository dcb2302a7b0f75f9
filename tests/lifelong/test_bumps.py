"""A sum of bumps: leaving a pair out is fitting again without it; other images teach, and do not judge."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.lifelong import translate_maps
from regard.lifelong.bumps import learn_bumps, squares
from regard.lifelong.translate import learn_translation
from regard.lifelong.translate_maps import errors_of


def bent(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors, and a change of them that no affine map makes."""
    x = np.random.default_rng(seed).uniform(-1.5, 1.5, size=(n, 4))
    return x, np.concatenate([np.sin(2 * x), x[:, :2] * x[:, 2:]], axis=1)


def test_what_is_missed_of_a_left_out_pair_is_what_a_fit_without_it_misses() -> None:
    x, y = bent(40, 0)
    seen: list[np.ndarray] = []

    def wrong(missed: np.ndarray) -> float:
        seen.append(missed)
        return float((missed**2).mean())

    bumps, missed = learn_bumps(x, y, wrong, 5)
    assert missed.shape == (5, 6) and (missed**2).mean() == min((one**2).mean() for one in seen)
    K = 1 / (1 + bumps.width * squares(x, x))
    penalty = ((y - K @ bumps.dual) / bumps.dual).mean()  # (K + penalty I) dual = y
    for i in range(5):
        rest = np.arange(40) != i
        dual = np.linalg.solve(K[np.ix_(rest, rest)] + penalty * np.eye(39), y[rest])
        np.testing.assert_allclose(y[i] - K[i, rest] @ dual, missed[i], atol=1e-8)


@pytest.mark.parametrize("cosine", [True, False])
def test_other_images_teach_a_change_that_is_not_affine(cosine: bool) -> None:
    (x, y), (more, again), (asked, truth) = bent(60, 1), bent(400, 2), bent(100, 3)
    alone = learn_translation(x, y, cosine=cosine)
    found = learn_translation(x, y, cosine=cosine, also=(more, again))
    assert found.fit.method == "kernel" and found.errors.shape == (60,) and found.held_out.shape == y.shape
    assert len(found.error_of(asked)) == 100
    wrong = [errors_of(one.apply(asked), truth, cosine).mean() for one in (alone, found)]
    assert wrong[1] < 0.6 * wrong[0]
    # its own pairs, left out, are missed as strangers are
    assert found.errors.mean() == pytest.approx(wrong[1], rel=0.5)


def test_what_an_affine_change_needs_no_bumps_for() -> None:
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(300, 5)), rng.normal(size=(5, 8))
    found = learn_translation(x[:20], x[:20] @ W, also=(x[20:200], x[20:200] @ W))
    assert found.fit.bumps is None
    assert errors_of(found.apply(x[200:]), x[200:] @ W, True).max() < 1e-6


@pytest.mark.parametrize(("old", "new"), [((9, 3), (9, 6)), ((9, 4), (9, 5)), ((9, 4), (8, 6))])
def test_other_images_of_another_shape_are_refused(old: tuple[int, int], new: tuple[int, int]) -> None:
    x, y = bent(20, 0)
    with pytest.raises(InputError, match="also"):
        learn_translation(x, y, also=(np.ones(old), np.ones(new)))


def test_bumps_are_tried_however_many_others_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    (x, y), (more, again) = bent(60, 1), bent(400, 2)
    monkeypatch.setattr(translate_maps, "MOST_BUMPS", 200)
    found = learn_translation(x, y, also=(more, again))
    assert found.fit.bumps is not None and len(found.fit.bumps.known) == 200 and found.also == 400
    np.testing.assert_allclose(found.fit.bumps.known[:60] + found.fit.before, x / np.linalg.norm(x, axis=1)[:, None])
    monkeypatch.setattr(translate_maps, "MOST_BUMPS", 60)
    assert len(next(iter(fit for fit in _kernels(x, y, more, again))).held_out) == 60
    monkeypatch.setattr(translate_maps, "MOST_BUMPS", 59)
    assert not _kernels(x, y, more, again)


def _kernels(x: np.ndarray, y: np.ndarray, more: np.ndarray, again: np.ndarray) -> list[translate_maps.Fit]:
    every = np.concatenate([x, more]), np.concatenate([y, again])
    return [fit for fit in translate_maps.fits(*every, judges=len(x)) if fit.method == "kernel"]


def test_where_others_are_of_another_kind_the_pairs_teach_alone() -> None:
    rng = np.random.default_rng(5)
    x, W = rng.normal(size=(40, 5)), rng.normal(size=(5, 8))
    others = rng.normal(size=(200, 5)), rng.normal(size=(200, 8))
    alone, found = learn_translation(x, x @ W), learn_translation(x, x @ W, also=others)
    assert found.also == 0 and found.tried[f"{alone.name}, pairs alone"] == pytest.approx(alone.errors.mean())
    np.testing.assert_allclose(found.apply(x), alone.apply(x))
