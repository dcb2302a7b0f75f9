"""What every pooling holds to: maps (N, C, h, w) go in, one vector an image comes out, and nothing else happens.

A pooling that has to be learned has a function `fit(maps, k, seed)` beside its `Method`; found by themselves.
"""

import sys
from dataclasses import MISSING, fields, is_dataclass

import numpy as np
import pytest
import torch

from helpers.guards import random_state_untouched, unchanged
from regard.core.checks import InputError
from regard.core.discover import load, names
from regard.representation.pooled import Pooled
from regard.representation.representation import Representation

pytestmark = pytest.mark.parametrize("name", names("pooling"))
CHANNELS = 3


def maps(n: int = 4, channels: int = CHANNELS, height: int = 4, width: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 2, (n, channels, height, width))).float()


def learner(name: str):
    """The `fit` of a pooling whose `Method` cannot be made without what was learned; None for the others."""
    method = load("pooling", name)
    if all(one.default is not MISSING or one.default_factory is not MISSING for one in fields(method)):
        return None
    return sys.modules[method.__module__].fit


def pooling(name: str, seed: int = 0):
    fit = learner(name)
    return load("pooling", name)() if fit is None else fit(maps(8, seed=9), 3, seed)


def test_settings_are_a_frozen_dataclass(name: str) -> None:
    method = load("pooling", name)
    assert is_dataclass(method) and method.__dataclass_params__.frozen and method.__doc__


def test_one_vector_an_image_whatever_the_size_of_the_map(name: str) -> None:
    made = pooling(name)
    shape = made(maps()).shape
    assert len(shape) == 2 and shape[0] == 4 and shape[1] >= 1
    for height, width in ((1, 1), (1, 7), (9, 2), (6, 6)):
        vectors = made(maps(2, height=height, width=width))
        assert vectors.shape == (2, shape[1]) and torch.isfinite(vectors).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_double_precision_stays_and_less_is_made_single(name: str, dtype: torch.dtype) -> None:
    made, x = pooling(name), maps()
    vectors = made(x.to(dtype))
    assert vectors.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.allclose(vectors.float(), made(x), atol=0.02 if dtype == torch.float16 else 1e-5)


def test_the_same_again_and_nothing_is_changed(name: str) -> None:
    x = maps()
    with random_state_untouched(), unchanged(x):
        assert torch.equal(pooling(name)(x), pooling(name)(x))


def test_images_do_not_depend_on_one_another_nor_on_their_order(name: str) -> None:
    made, x = pooling(name), maps(6)
    vectors, order = made(x), torch.tensor([4, 0, 5, 1, 3, 2])
    assert torch.allclose(made(x[order]), vectors[order], atol=1e-6)
    assert torch.allclose(torch.cat([made(one[None]) for one in x]), vectors, atol=1e-6)


def test_equal_images_have_equal_vectors_and_a_blank_one_has_finite_numbers(name: str) -> None:
    made = pooling(name)
    twice = made(maps(1).expand(3, -1, -1, -1))
    assert torch.allclose(twice, twice[:1].expand(3, -1), atol=1e-6)
    assert torch.isfinite(made(torch.zeros(1, CHANNELS, 2, 2))).all()


def test_other_images_have_other_vectors(name: str) -> None:
    first, second = pooling(name)(maps(2, seed=5))
    assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(CHANNELS, 4), "shape"),
        (torch.zeros(0, CHANNELS, 4, 4), "shape"),
        (torch.zeros(1, CHANNELS, 0, 4), "shape"),
        (torch.zeros(1, CHANNELS, 4, 4, dtype=torch.uint8), "uint8"),
        (torch.full((1, CHANNELS, 2, 2), float("nan")), "NaN"),
        (torch.full((1, CHANNELS, 2, 2), float("inf")), "infinity"),
        ([1], "list"),
    ],
)
def test_what_is_no_map_is_refused(name: str, wrong: object, message: str) -> None:
    with pytest.raises(InputError, match=f"maps: .*{message}"):
        pooling(name)(wrong)


def test_what_is_learned_hangs_on_images_and_seed_alone(name: str) -> None:
    fit = learner(name)
    if fit is None:  # then settings are all there is to it
        assert pooling(name) == load("pooling", name)()
        return
    x = maps(8)
    with random_state_untouched(), unchanged(x):
        assert torch.equal(fit(x, 3, 1)(x), fit(x, 3, 1)(x))
    with pytest.raises(InputError, match="maps: .*at least k = 500"):
        fit(x, 500, 0)
    with pytest.raises(InputError, match="maps: .*different descriptors"):
        fit(torch.ones(2, CHANNELS, 4, 4), 3, 0)
    with pytest.raises(InputError, match="maps: .*NaN"):
        fit(torch.full((2, CHANNELS, 4, 4), float("nan")), 3, 0)
    with pytest.raises(InputError, match=str(CHANNELS)):
        pooling(name)(maps(channels=CHANNELS + 2))


def test_saved_and_read_again_gives_the_same_vectors(name: str, tmp_path) -> None:
    rep, x = (
        Representation.load("random:convnet4"),
        torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)),
    )
    with torch.inference_mode():
        seen = rep.encoder.last_map(x)
        fit = learner(name)
        rep.pooled = Pooled(name, load("pooling", name)() if fit is None else fit(seen, 3, 0, dim=4))
        rep.save(tmp_path / "rep")
        again = Representation.load(tmp_path / "rep")
        assert again.pooled is not None and again.pooled.name == name
        assert torch.equal(again.pooled(again.encoder, x), rep.pooled(rep.encoder, x))
    assert again.fingerprint == rep.fingerprint


def test_gradients_reach_the_maps(name: str) -> None:
    x = maps(2, height=3, width=3).requires_grad_()
    if name == "bag_of_words":  # a histogram of nearest words changes in steps
        assert not pooling(name)(x).requires_grad
        return
    pooling(name)(x).square().sum(1).sqrt()[0].backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()
    assert not x.grad[1].any(), "an image's vector hangs on that image alone"
