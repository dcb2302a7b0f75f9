"""Exchanged normalisation: which values each kind averages, in any network, and what a saved folder says of it."""

import json

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d, FrozenBatchNormAct2d, GroupNormAct, LayerNorm2d, LayerNormAct2d
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from regard.backbones.encoder import make_encoder, with_norm
from regard.backbones.norms import BatchNorm, ChannelsLast, GroupNorm, NormAct, parse_norm, swap_norm
from regard.core.checks import InputError
from regard.representation.representation import Representation

SHAPE = 4, 6, 2, 3  # images, channels, height, width
KINDS = ["bn", "ln", "in", "gn:2"]


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def swapped(old, norm):
    network = nn.Sequential(old)
    assert swap_norm(network, norm) == ["0"]
    return network[0].double()


def plain(x, axes, eps):
    """The formula, of whatever axes."""
    mean = x.mean(axes, keepdim=True)
    variance = (x - mean).square().mean(axes, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


def group_of(norm, place):
    """The entries (N, C, h, w) that are averaged with one at (n, c) of maps."""
    n, c = place
    found = torch.zeros(SHAPE, dtype=torch.bool)
    if norm == "bn":
        found[:, c] = True
    elif norm == "ln":
        found[n] = True
    elif norm == "in":
        found[n, c] = True
    else:
        found[n, c // 3 * 3 : c // 3 * 3 + 3] = True  # two groups of three channels
    return found


@pytest.mark.parametrize("norm", KINDS)
@pytest.mark.parametrize("place", [(0, 0), (2, 1), (3, 5)])
def test_a_changed_value_changes_just_what_it_is_averaged_with(norm, place):
    old = nn.GroupNorm(3, 6) if norm == "bn" else nn.BatchNorm2d(6)
    layer = swapped(old, norm).train()
    x = drawn(*SHAPE)
    other = x.clone()
    other[(*place, 1, 2)] += 5
    changed = (layer(x) - layer(other)).abs() > 1e-9
    assert torch.equal(changed, group_of(norm, place))


@pytest.mark.parametrize("norm", ["bn", "in", "gn:2"])
def test_of_tokens_the_cells_are_averaged_and_the_channels_are_the_last_axis(norm):
    layer = swapped(nn.LayerNorm(6), norm).train()
    x = drawn(4, 5, 6)  # images, tokens, channels
    other = x.clone()
    other[2, 1, 4] += 5
    changed = (layer(x) - layer(other)).abs() > 1e-9
    expected = torch.zeros(4, 5, 6, dtype=torch.bool)
    every = slice(None)
    expected[{"bn": (every, every, 4), "in": (2, every, 4), "gn:2": (2, every, slice(3, 6))}[norm]] = True
    assert torch.equal(changed, expected)
    back = swapped(layer, "ln")
    assert torch.allclose(back(x), plain(x, (2,), 1e-5)), "a cell alone, as transformers have it"


@pytest.mark.parametrize("norm, axes", [("bn", (0, 2, 3)), ("ln", (1, 2, 3)), ("in", (2, 3))])
def test_values_are_those_of_the_formula_with_the_weights_that_were_there(norm, axes):
    old = nn.GroupNorm(3, 6, eps=1e-3) if norm == "bn" else nn.BatchNorm2d(6, eps=1e-3)
    with torch.no_grad():
        old.weight.copy_(torch.arange(1, 7) / 3)
        old.bias.copy_(torch.arange(6) - 2.0)
    x, layer = drawn(*SHAPE), swapped(old, norm).train()
    expected = plain(x, axes, 1e-3) * old.weight.double().view(1, 6, 1, 1) + old.bias.double().view(1, 6, 1, 1)
    assert torch.allclose(layer(x), expected, atol=1e-12)


def test_of_groups_too():
    x, layer = drawn(*SHAPE), swapped(nn.BatchNorm2d(6), "gn:3")
    expected = plain(x.view(4, 3, 2, 2, 3), (2, 3, 4), 1e-5).view(SHAPE)
    assert torch.allclose(layer(x), expected, atol=1e-12)
    assert torch.allclose(swapped(nn.BatchNorm2d(6), "gn:1")(x), swapped(nn.BatchNorm2d(6), "ln")(x))
    assert torch.allclose(swapped(nn.BatchNorm2d(6), "gn:6")(x), swapped(nn.BatchNorm2d(6), "in")(x))


@pytest.mark.parametrize("norm", ["ln", "in", "gn:2"])
def test_only_batch_normalisation_looks_at_other_images_and_parts_from_evaluation(norm):
    layer, x = swapped(nn.BatchNorm2d(6), norm), drawn(*SHAPE)
    assert torch.equal(layer.train()(x), layer.eval()(x)) and torch.allclose(layer(x[:1]), layer(x)[:1])
    batch = nn.BatchNorm2d(6).double()
    assert not torch.allclose(batch.train()(x), batch.eval()(x), atol=0.1)


@pytest.mark.parametrize(
    "old",
    [
        nn.BatchNorm2d(6),
        nn.SyncBatchNorm(6),
        nn.InstanceNorm2d(6, affine=True),
        nn.InstanceNorm2d(6),
        nn.GroupNorm(3, 6, affine=False),
        FrozenBatchNorm2d(6),
        LayerNorm2d(6),
        BatchNormAct2d(6),
        FrozenBatchNormAct2d(6),
        GroupNormAct(6, 3),
        LayerNormAct2d(6),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_class_of_torch_torchvision_and_timm_is_exchanged_with_its_weights_and_what_comes_behind(old):
    has = getattr(old, "weight", None) is not None
    if has:
        old.weight.data.copy_(torch.arange(1, 7))
        old.bias.data.copy_(torch.arange(6) - 2.0)
    old.eval()
    layer = swapped(old, "gn:2")
    x = drawn(*SHAPE)
    expected = plain(x.view(4, 2, 3, 2, 3), (2, 3, 4), old.eps).view(SHAPE)
    if has:
        expected = expected * old.weight.double().view(1, 6, 1, 1) + old.bias.double().view(1, 6, 1, 1)
    activated = type(old).__name__.endswith(("Act", "Act2d"))
    assert torch.allclose(layer(x), expected.relu() if activated else expected, atol=1e-6)
    assert isinstance(layer, NormAct if activated else GroupNorm) and not layer.training
    weights = {name for name, _ in layer.named_parameters()}
    assert weights == ({"norm.weight", "norm.bias"} if activated else {"weight", "bias"} if has else set())
    again = swapped(layer, "bn")
    assert isinstance(again.norm if activated else again, nn.BatchNorm2d)


def test_a_frozen_batch_normalisation_keeps_its_statistics_and_learns_again():
    old = FrozenBatchNorm2d(6)
    old.running_mean += torch.arange(6)
    old.running_var += torch.arange(6)
    layer, x = swapped(old, "bn").eval(), drawn(*SHAPE)
    assert torch.allclose(layer(x), old.double()(x), atol=1e-6) and layer.weight.requires_grad


def test_one_that_is_used_in_two_places_stays_one():
    shared = nn.BatchNorm2d(6)
    network = nn.Sequential(nn.Sequential(shared), nn.Sequential(shared))
    assert swap_norm(network, "gn:3") == ["0.0", "1.0"] and network[0][0] is network[1][0]


def test_what_is_of_the_kind_stays_and_what_is_of_no_kind_too():
    kept, other = nn.GroupNorm(2, 6), nn.LocalResponseNorm(5)
    network = nn.Sequential(kept, other, nn.BatchNorm2d(6), nn.GroupNorm(3, 6))
    assert swap_norm(network, "gn:2") == ["2", "3"] and network[0] is kept and network[1] is other
    assert swap_norm(network, "gn:2") == []


@pytest.mark.parametrize(
    "name, size",
    [
        ("resnet_scaled", 32),
        ("timm:test_resnet", 64),
        ("timm:test_vit", None),
        ("timm:test_convnext", 64),
        ("timm:test_efficientnet", 64),
        ("torchvision:mobilenet_v3_small", 64),
    ],
)
def test_networks_run_and_learn_with_each(name, size):
    encoder = make_encoder(name, size=size)
    x = torch.rand(2, 3, *encoder.input_shape, generator=torch.Generator().manual_seed(0))
    tried = 0
    for norm in ("bn", "ln", "gn:4"):
        try:
            other = with_norm(encoder, norm)
        except InputError as error:
            assert "already" in str(error)
            continue
        tried += 1
        other.train()(x).sum().backward()
        norms = [one for one in other.modules() if isinstance(one, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm)]
        kinds = {"bn": BatchNorm, "ln": GroupNorm | nn.LayerNorm, "gn:4": GroupNorm}[norm]
        assert norms and all(isinstance(one, kinds) for one in norms)
        assert other.config["norm"] == norm and "norm" not in encoder.config
        assert torch.isfinite(other.eval()(x)).all() and len(other.feature_info) == len(encoder.feature_info)
    assert tried == 2 or (name == "timm:test_convnext" and tried == 3)


def test_what_cannot_be_is_told():
    for wrong in ("batch", "gn:0", "gn:x", "gn:", "gn:-1", "bn:2", "", "gn:2.5"):
        with pytest.raises(InputError, match=r"^--norm: expected bn, ln, in, or gn:G"):
            parse_norm(wrong)
    with pytest.raises(InputError, match=r"features.norm1 has 16, got gn:32. gn:8 divides all of them"):
        make_encoder("resnet_scaled", norm="gn:32")
    with pytest.raises(InputError, match="has none"):
        make_encoder("alexnet_scaled", norm="bn")
    with pytest.raises(InputError, match="All of its"):
        make_encoder("resnet_scaled", norm="bn")
    with pytest.raises(InputError, match=r"normalises \(6, 2, 3\)"):
        swap_norm(nn.Sequential(nn.LayerNorm([6, 2, 3])), "bn")
    assert str(parse_norm("gn")) == "gn:32"


def test_a_map_of_one_cell_is_refused_and_never_made_zero():
    with pytest.raises(InputError, match="one value each, and nothing to average over"):
        make_encoder("resnet_scaled", size=16, norm="in")
    assert make_encoder("resnet_scaled", size=16, norm="gn:8").num_features == 128
    with pytest.raises(InputError, match="one value"):
        GroupNorm(6, 6)(drawn(4, 6).float())


@pytest.mark.parametrize("name, norms", [("resnet_scaled", ("ln", "gn:8")), ("timm:test_vit", ("gn:8", "bn"))])
def test_a_saved_folder_loads_with_its_normalisation_and_has_a_fingerprint_of_its_own(tmp_path, name, norms):
    prints = set()
    for place, norm in enumerate(norms):
        rep = Representation.load(f"random:{name}")
        prints.add(rep.fingerprint)
        rep.encoder = with_norm(rep.encoder, norm)
        x = torch.rand(2, 3, *rep.encoder.input_shape, generator=torch.Generator().manual_seed(0))
        folder = rep.save(tmp_path / str(place))
        assert json.loads((folder / "config.json").read_text())["regard"]["norm"] == norm
        again = Representation.load(folder)
        assert again.fingerprint == rep.fingerprint and again.encoder.config["norm"] == norm
        with torch.inference_mode():
            assert torch.equal(again.encoder.eval()(x), rep.encoder.eval()(x))
        prints.add(rep.fingerprint)
    assert len(prints) == 3, "of equal weights other normalisations are other representations"


def test_what_was_exchanged_back_loads_too(tmp_path):
    rep = Representation.load("random:resnet_scaled")
    rep.encoder = with_norm(with_norm(rep.encoder, "gn:8"), "bn")
    again = Representation.load(rep.save(tmp_path / "rep"))
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.encoder.eval()(x), rep.encoder.eval()(x))


def test_a_folder_with_a_normalisation_that_is_none_is_refused(tmp_path):
    folder = Representation.load("random:resnet_scaled").save(tmp_path / "rep")
    config = json.loads((folder / "config.json").read_text())
    config["regard"]["norm"] = "gn:7"
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "card.json").unlink()
    with pytest.raises(InputError):
        Representation.load(folder)


def test_layers_that_have_channels_last_are_wrapped():
    network = timm.create_model("test_vit")
    swap_norm(network, "gn:8")
    assert isinstance(network.norm, ChannelsLast) and isinstance(network.norm.norm, GroupNorm)
