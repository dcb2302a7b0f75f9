"""Rescaling against plain computations: unit variance, mean 0, equal change rates, and the function that stays."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.backbones.patches import spherical_kmeans, whitened_patches
from regard.backbones.rescale import change_rates, rescale
from regard.core.checks import InputError
from regard.core.runtime import seeded_init, torch_rng


def images(n=48, side=16):
    """Smooth colour images whose channels have different means and contrasts."""
    generator = torch.Generator().manual_seed(1)
    small = torch.rand(n, 3, side // 4, side // 4, generator=generator)
    x = nn.functional.interpolate(small, size=side, mode="bilinear", align_corners=False)
    return (x * torch.tensor([0.9, 0.5, 0.2]).view(3, 1, 1) + torch.tensor([0.05, 0.3, 0.1]).view(3, 1, 1)).clamp(0, 1)


def chain(seed=0):
    """Convolutions and linear layers with biases, joined by ReLU and pooling; badly scaled on purpose."""
    with seeded_init(seed):
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, groups=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(12 * 36, 10),
            nn.ReLU(),
            nn.Linear(10, 6),
        )
    with torch.no_grad():
        for factor, place in zip((5.0, 0.01, 30.0, 0.2), (0, 3, 6, 8)):
            net[place].weight.mul_(factor)
            net[place].bias.add_(factor)
    return net


def outputs(net, x):
    """What each layer and normalisation gives, by name, in evaluation mode."""
    found, handles = {}, []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            handles.append(
                module.register_forward_hook(lambda m, i, out, name=name: found.__setitem__(name, out.clone()))
            )
    with torch.no_grad():
        net.eval()(x)
    for handle in handles:
        handle.remove()
    return found


def moments(out):
    flat = out.movedim(1, 0).flatten(1).double()
    return flat.mean(1), flat.var(1, correction=0)


def test_every_channel_of_a_chain_gets_mean_0_and_variance_1():
    x = images()
    net = rescale(chain(), x, equalise=False)
    found = outputs(net, x)
    assert len(found) == 4
    for out in found.values():
        mean, variance = moments(out)
        assert float(mean.abs().max()) < 1e-3 and float((variance - 1).abs().max()) < 1e-3


@pytest.mark.parametrize("equalise", [False, True])
def test_with_batch_normalisation_each_normalised_channel_has_mean_0_and_variance_1(equalise):
    x = images(side=32)
    encoder = rescale(make_encoder("convnet4"), x, equalise=equalise)
    for name, out in outputs(encoder, x).items():
        mean, variance = moments(out)
        if name.endswith("1"):  # a normalisation, in evaluation mode
            assert float(mean.abs().max()) < 1e-3 and float((variance - 1).abs().max()) < 1e-3
        elif not equalise:  # a convolution without bias
            assert float((variance - 1).abs().max()) < 1e-3


def test_against_a_plain_computation_of_two_layers():
    with seeded_init(3):
        net = nn.Sequential(nn.Flatten(), nn.Linear(48, 7), nn.ReLU(), nn.Linear(7, 5))
    x = images(40, 4)
    W1, b1, W2, b2 = (p.detach().double().numpy().copy() for p in net.parameters())
    flat = x.flatten(1).double().numpy()
    z1 = flat @ W1.T + b1
    W1, b1 = W1 / z1.std(0)[:, None], (b1 - z1.mean(0)) / z1.std(0)
    h = np.maximum(flat @ W1.T + b1, 0)
    z2 = h @ W2.T + b2
    W2, b2 = W2 / z2.std(0)[:, None], (b2 - z2.mean(0)) / z2.std(0)
    one = rescale(copy.deepcopy(net), x, equalise=False)
    for mine, plain in zip(one.parameters(), (W1, b1, W2, b2)):
        np.testing.assert_allclose(mine.detach().numpy(), plain, rtol=2e-4, atol=2e-4)

    # change rates, from the gradients written out for the same eta
    eta = torch.randn(40, 5, generator=torch_rng(0, "rescale")).double().numpy()
    slope2 = eta.T @ h
    slope1 = ((eta @ W2) * (h > 0)).T @ flat
    rates = {k: np.linalg.norm(g) / np.linalg.norm(W) / 40**0.5 for k, g, W in (("1", slope1, W1), ("3", slope2, W2))}
    found = change_rates(one, x)
    assert found == pytest.approx(rates, rel=1e-3)

    # the second step in closed form: factors s and 1/s with s^4 = C_1 / C_2, and the first bias scaled along
    two = rescale(copy.deepcopy(net), x, rounds=40)
    s = (rates["1"] / rates["3"]) ** 0.25
    for mine, plain in zip(two.parameters(), (W1 * s, b1 * s, W2 / s, b2)):
        np.testing.assert_allclose(mine.detach().numpy(), plain, rtol=0.01, atol=2e-3)


def test_change_rates_estimate_the_mean_over_images():
    # E over eta of |eta h'|^2 is outputs * |h|^2, for each image by itself
    with seeded_init(0):
        net = nn.Sequential(nn.Flatten(), nn.Linear(48, 400))
    x = images(64, 4)
    wanted = (400 * x.flatten(1).square().sum(1).mean()).sqrt() / net[1].weight.norm()
    assert change_rates(net, x)["1"] == pytest.approx(float(wanted.detach()), rel=0.1)


def test_rates_get_equal_and_the_function_of_a_chain_stays():
    x = images()
    one, two = rescale(chain(), x, equalise=False), rescale(chain(), x)
    before, after = change_rates(one, x), change_rates(two, x)
    assert max(before.values()) / min(before.values()) > 3
    assert max(after.values()) / min(after.values()) < 1.03
    with torch.no_grad():
        torch.testing.assert_close(two(x), one(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_in_front_of_batch_normalisation_equalising_changes_rates_alone(mode):
    x = images(side=32)
    fresh = make_encoder("convnet4")
    one, two = (rescale(copy.deepcopy(fresh), x, equalise=which) for which in (False, True))
    rates = change_rates(two, x)
    assert max(rates.values()) / min(rates.values()) < 1.03
    with torch.no_grad():
        a, b = (getattr(net, mode)()(x) for net in (one, two))
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
        if mode == "train":  # neither step changes what it computes while it trains
            torch.testing.assert_close(a, fresh.train()(x), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", "test_nfnet"])
def test_every_family_stays_finite_and_learns_at_more_equal_rates(name):
    encoder = make_encoder(f"timm:{name}")
    x = images(8, 160)[:, :, : encoder.input_size, : encoder.input_size]
    x = nn.functional.interpolate(x, size=encoder.input_size)
    one, two = (rescale(copy.deepcopy(encoder), x, equalise=which, rounds=8) for which in (False, True))
    with torch.no_grad():
        assert bool(torch.isfinite(two(x)).all()) and float(two(x).std(0).mean()) > 0
    widths = [np.log(list(change_rates(net, x).values())).std() for net in (one, two)]
    assert widths[1] <= widths[0]
    assert all(bool(torch.isfinite(value).all()) for value in two.state_dict().values())


@pytest.mark.parametrize("make", [chain, lambda: make_encoder("convnet4")])
def test_it_is_repeatable_and_a_second_time_changes_nothing(make):
    x = images(side=16)
    one, again = rescale(make(), x), rescale(make(), x)
    for name, value in one.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    twice = rescale(copy.deepcopy(one), x)
    for name, value in one.state_dict().items():
        torch.testing.assert_close(twice.state_dict()[name], value, rtol=2e-3, atol=2e-3, msg=name)


def test_modes_are_given_back_and_nothing_is_left_hooked():
    net = chain().train()
    net[1].eval()
    rescale(net, images())
    assert net.training and not net[1].training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_constant_channels_and_frozen_layers_are_left_alone():
    net = chain()
    with torch.no_grad():
        net[0].weight[2] = 0
    net[3].weight.requires_grad_(False)
    x = images()
    one, two = (rescale(copy.deepcopy(net), x, equalise=which) for which in (False, True))
    assert not two[0].weight[2].any()
    assert all(bool(torch.isfinite(p).all()) for p in two.parameters())
    assert torch.equal(one[3].weight, two[3].weight) and not torch.equal(one[6].weight, two[6].weight)


def test_a_layer_that_standardises_its_weights_is_left_alone():
    class Standard(nn.Conv2d):
        def forward(self, x):
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return self._conv_forward(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias)

    with seeded_init(0):
        net = nn.Sequential(Standard(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    before = net[0].weight.clone()
    rescale(net, images(), equalise=False)
    assert torch.equal(net[0].weight, before)
    assert float((moments(outputs(net, images())["2"])[1] - 1).abs().max()) < 1e-3


def test_patches_are_white_and_k_means_finds_planted_directions():
    generator = torch.Generator().manual_seed(0)
    patches, whiten = whitened_patches(images(side=32), (3, 3), generator, 4000)
    values = torch.linalg.eigvalsh(torch.cov(patches.T))
    assert patches.shape == (4000, 27) and torch.allclose(whiten, whiten.T, atol=1e-4)
    assert float(values.max()) < 1.01  # s / (s + 0.1) along each axis
    planted = torch.eye(8)[:3]
    rows = planted[torch.arange(300) % 3] * torch.randn(300, 1, generator=generator)
    noisy = rows + 0.01 * torch.randn(300, 8, generator=generator)
    found = spherical_kmeans(noisy, 3, torch.Generator().manual_seed(4))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    assert sorted(found.abs().argmax(1).tolist()) == [0, 1, 2] and float(found.abs().max(1).values.min()) > 0.99


def test_k_means_filters_are_smooth_and_still_rescaled():
    x = images(side=32)
    drawn, made = (rescale(make_encoder("convnet4"), x, kmeans=which, equalise=False) for which in (False, True))
    first = {which: net.network.blocks[0][0].weight for which, net in ((False, drawn), (True, made))}
    assert not torch.allclose(first[False], first[True])
    assert float((moments(outputs(made, x)["network.blocks.0.0"])[1] - 1).abs().max()) < 1e-3
    again = rescale(make_encoder("convnet4"), x, kmeans=True, equalise=False)
    assert torch.equal(again.network.blocks[0][0].weight, first[True])
    other = rescale(make_encoder("convnet4"), x, kmeans=True, equalise=False, seed=1)
    assert not torch.equal(other.network.blocks[0][0].weight, first[True])


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (torch.zeros(4, 3, 8, 8, dtype=torch.uint8), {}, "Divide bytes by 255"),
        (torch.zeros(1, 3, 8, 8), {}, "at least two"),
        (torch.zeros(3, 8, 8), {}, "float images"),
        (torch.full((4, 3, 8, 8), float("nan")), {}, "NaN"),
        (torch.zeros(4, 3, 8, 8), {"rounds": 0}, "rounds"),
        (torch.zeros(4, 3, 8, 8), {"kmeans": True}, "plain convolution"),
    ],
)
def test_what_cannot_be_is_refused(x, options, message):
    with seeded_init(0):
        net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    with pytest.raises(InputError, match=message):
        rescale(net, x, **options)
