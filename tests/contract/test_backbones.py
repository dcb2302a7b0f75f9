"""What every network of our own holds to, behind `Encoder` and as a network of timm's; found by its file name."""

import numpy as np
import pytest
import timm
import torch

from helpers.guards import random_state_untouched, unchanged
from regard.backbones.encoder import Encoder, make_encoder
from regard.core.checks import InputError
from regard.core.discover import load, names
from regard.representation.embed import embed
from regard.representation.representation import Representation

pytestmark = pytest.mark.parametrize("name", names("backbone"))


def pixels(n: int, side: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def made(name: str, n: int = 4, **settings) -> tuple[Encoder, torch.Tensor]:
    """The encoder, as it is after training, and some images of its size."""
    encoder = make_encoder(name, **settings).eval()
    return encoder, pixels(n, encoder.input_size)


@torch.inference_mode()
def test_maps_tokens_and_vectors_have_the_shapes_that_are_told(name: str) -> None:
    encoder, x = made(name)
    maps, tokens, vectors = encoder.maps(x), encoder.tokens(x), encoder(x)
    assert vectors.shape == (4, encoder.num_features) and tokens.shape[::2] == (4, maps[-1].shape[1])
    assert len(maps) == len(encoder.feature_info) > 0
    for found, info in zip(maps, encoder.feature_info):
        assert found.shape[:2] == (4, info.channels)
        # the published networks of 2012 to 2014 leave up to two cells of the border out
        assert abs(found.shape[3] * info.reduction - encoder.input_size) <= 2 * info.reduction
    assert [info.reduction for info in encoder.feature_info] == sorted(info.reduction for info in encoder.feature_info)
    assert len({info.module for info in encoder.feature_info}) == len(maps)
    assert all(torch.isfinite(one).all() and one.dtype == torch.float32 for one in (*maps, tokens, vectors))
    assert torch.equal(encoder.last_map(x).flatten(2).transpose(1, 2), tokens)


@torch.inference_mode()
def test_double_precision_gives_almost_the_same(name: str) -> None:
    encoder, x = made(name)
    single = encoder(x)
    double = encoder.double()(x.double())
    assert double.dtype == torch.float64 and torch.allclose(double.float(), single, atol=1e-4)


@torch.inference_mode()
def test_weights_hang_on_the_seed_alone_and_nothing_else_is_touched(name: str) -> None:
    with random_state_untouched():
        (first, x), (again, _), (other, _) = (made(name, seed=seed) for seed in (0, 0, 1))
        with unchanged(x):
            vectors = first(x)
        learned = any(True for _ in first.parameters())  # what is computed and not learned has no weights to draw
        assert torch.equal(again(x), vectors) and torch.equal(other(x), vectors) is not learned


@torch.inference_mode()
def test_images_do_not_depend_on_one_another_nor_on_their_order(name: str) -> None:
    encoder, x = made(name)
    vectors, order = encoder(x), torch.tensor([2, 0, 3, 1])
    rounding = 2e-5 * max(1.0, float(vectors.abs().max()))  # sums of thousands of numbers, in another order
    assert torch.allclose(encoder(x[order]), vectors[order], atol=rounding)
    assert torch.allclose(torch.cat([encoder(one[None]) for one in x]), vectors, atol=rounding)
    copies = encoder(x[:1].expand(3, -1, -1, -1))
    assert torch.allclose(copies, copies[:1].expand(3, -1), atol=rounding)
    assert not torch.allclose(vectors[0], vectors[1], atol=1e-4), "other images have other vectors"


@torch.inference_mode()
def test_a_broken_image_is_not_hidden_and_breaks_no_other(name: str) -> None:
    encoder, x = made(name)
    vectors = encoder(x)
    x[1, 0, 3, 3] = torch.nan
    broken = encoder(x)
    assert torch.isnan(broken[1]).any()
    rounding = 2e-5 * max(1.0, float(vectors.abs().max()))
    assert torch.allclose(broken[[0, 2, 3]], vectors[[0, 2, 3]], atol=rounding)


def test_a_gradient_reaches_every_weight(name: str) -> None:
    encoder, x = made(name)
    encoder.train()
    target = torch.randn(4, encoder.num_features, generator=torch.Generator().manual_seed(1))
    (encoder(x.requires_grad_()) * target).sum().backward()
    unreached = [key for key, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not unreached


def test_sizes_that_cannot_be_are_refused(name: str) -> None:
    for size in (0, 4, 2.5, 10_000):
        with pytest.raises(InputError, match="size"):
            make_encoder(name, size=size)
    with pytest.raises(InputError, match="without published weights"):
        make_encoder(name, pretrained=True)


def test_no_images_and_images_that_are_none_are_refused(name: str) -> None:
    for wrong in ([], [np.zeros((0, 0, 3), np.uint8)], [np.full((32, 32, 3), np.nan, np.float32)]):
        with pytest.raises(InputError):
            embed(wrong, f"random:{name}")


@torch.inference_mode()
def test_it_is_a_network_of_timm_with_a_classifier_to_exchange(name: str) -> None:
    network = timm.create_model(name, num_classes=7).eval()
    if not any(True for _ in network.parameters()):  # nothing is learned in it, and it has no classifier
        assert network.num_features == make_encoder(name).num_features
        return
    x = pixels(2, timm.get_pretrained_cfg(name, allow_unregistered=True).input_size[1])
    assert network(x).shape == (2, 7) and callable(load("backbone", name))
    features = network.forward_features(x)
    assert torch.equal(network(x), network.forward_head(features))
    assert torch.equal(network.forward_intermediates(x)[-1] if features.ndim == 4 else features, features)
    pooled = network.forward_head(features, pre_logits=True)
    network.reset_classifier(0)
    assert torch.equal(network(x), pooled) and pooled.shape == (2, network.num_features)
    network.reset_classifier(3)
    assert network(x).shape == (2, 3) and network.get_classifier() is not None


@torch.inference_mode()
def test_saved_and_read_again_gives_the_same_vectors(name: str, tmp_path) -> None:
    rep = Representation.load(f"random:{name}")
    x = pixels(3, rep.encoder.input_size)
    folder = rep.save(tmp_path / "rep")
    again = Representation.load(folder)
    assert torch.equal(again.encoder.eval()(x), rep.encoder.eval()(x)) and again.fingerprint == rep.fingerprint
    theirs = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    assert torch.equal(theirs(rep.encoder.normalise(x)), rep.encoder(x))
