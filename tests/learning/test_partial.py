"""Networks that begin with a part of another's weights: what is taken, what is left and why, what is refused."""

import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.learning.partial import Report, begun_with, chosen, take
from regard.representation.representation import Representation


def two(first="convnet4", second="convnet4"):
    return make_encoder(first, seed=0).network, make_encoder(second, seed=1).network


def test_all_that_fits_is_taken_and_all_else_stays():
    net, other = nn.Module(), nn.Module()
    net.a, other.a = nn.Linear(3, 4), nn.Linear(3, 4)
    net.b, other.b = nn.Linear(3, 4), nn.Linear(5, 4)  # another shape, the same bias
    net.c = nn.Linear(2, 2)
    net.norm, other.norm = nn.BatchNorm2d(2), nn.BatchNorm2d(3)
    other.d = nn.Linear(2, 2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    report = take(net, other.state_dict(), "other")
    assert report.taken == ("a.weight", "a.bias", "b.bias") and report.source == "other"
    left = dict(report.left)
    assert left["b.weight"] == "4 x 3, there 4 x 5" and left["c.weight"] == left["c.bias"] == "absent there"
    assert left["norm.weight"] == "2, there 3" and left["norm.num_batches_tracked"] == "as its statistics are"
    assert set(left) | set(report.taken) == set(before)
    for name, value in net.state_dict().items():
        assert torch.equal(value, (other.state_dict() if name in report.taken else before)[name]), name
    numbers = (12 + 4) + (12 + 4) + (4 + 2) + 4 * 2
    assert report.share == pytest.approx((12 + 4 + 4) / numbers)
    lines = report.lines()
    assert lines[0] == "3 of 11 tensors (43.5 % of the numbers) are from other"
    assert "left as initialised, absent there: c.weight, c.bias" in lines
    assert report.as_dict()["left"]["c.bias"] == "absent there" and report.as_dict()["share"] == 0.4348


def test_a_network_of_the_same_kind_gives_everything_and_a_deeper_one_its_first_blocks():
    net, other = two()
    report = take(net, other.state_dict(), "other")
    assert report.share == 1 and not report.left
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in net.state_dict().items())
    net, other = two("resnet34", "resnet18")
    report = take(net, other.state_dict(), "resnet18")
    assert "layer1.1.conv2.weight" in report.taken and dict(report.left)["layer1.2.conv1.weight"] == "absent there"
    assert {name.split(".")[0] for name in report.taken} == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}


def test_layers_by_name_by_stage_and_by_range():
    net, _ = two()
    every = set(net.state_dict())
    stage = {place: {name for name in every if name.startswith(f"blocks.{place}.")} for place in range(4)}
    assert chosen(net) == chosen(net, []) == chosen(net, "") == every
    assert chosen(net, "blocks.1") == stage[1] and chosen(net, "blocks.1.1") < stage[1]
    assert chosen(net, "..blocks.1") == stage[0] | stage[1]
    assert chosen(net, "blocks.2..") == stage[2] | stage[3]
    assert chosen(net, "blocks.1..blocks.2") == stage[1] | stage[2]
    assert chosen(net, ["blocks.0", "blocks.3"]) == chosen(net, "blocks.0, blocks.3") == stage[0] | stage[3]
    assert chosen(net, "blocks.0.0.weight") == {"blocks.0.0.weight"}
    token = make_encoder("timm:test_vit", size=64).network
    assert chosen(token, "cls_token") == {"cls_token"}
    assert {"cls_token", "patch_embed.proj.weight"} < chosen(token, "..blocks.0") < chosen(token, "..blocks.1")
    assert not [name for name in chosen(token, "..blocks.1") if name.startswith("norm.")]


def test_the_names_of_the_papers_and_of_torchvision():
    net, other = two("torchvision:alexnet", "torchvision:alexnet")
    convolutions = [name for name, one in net.named_modules() if isinstance(one, nn.Conv2d)]
    assert chosen(net, "conv3") == {convolutions[2] + ".weight", convolutions[2] + ".bias"}
    assert chosen(net, "conv1") == {convolutions[0] + ".weight", convolutions[0] + ".bias"}
    assert chosen(net, "..conv3") == {f"{name}.{kind}" for name in convolutions[:3] for kind in ("weight", "bias")}
    assert len(chosen(net, "fc6")) == 2 and not chosen(net, "fc6") & chosen(net, "..conv5")
    with pytest.raises(InputError, match="--init-layers: expected layers with weights, got 'pool1'"):
        chosen(net, "pool1")
    bare = {name.removeprefix("body."): value for name, value in other.state_dict().items()}
    assert take(net, bare, "other").share == 1


def test_what_is_taken_is_limited_to_what_was_asked():
    net, other = two()
    report = take(net, other.state_dict(), "other", "..blocks.0")
    assert {name.rsplit(".", 2)[0] for name in report.taken} == {"blocks.0"}
    assert {why for _, why in report.left} == {"not asked for"} and 0 < report.share < 0.1


def test_what_cannot_be_is_told_and_nothing_changes():
    net, other = two()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for layers, words in (
        ("block.1", "got 'block.1'. Such as 'blocks.1'"),
        ("blocks.0..blocks.9", "got 'blocks.9'. Such as"),
        ("blocks.2..blocks.1", "a range that ends after it begins, got 'blocks.2..blocks.1'"),
        ("blocks.0.2", "layers with weights, got 'blocks.0.2'"),
    ):
        with pytest.raises(InputError, match="--init-layers") as told:
            take(net, other.state_dict(), "other", layers)
        assert words in str(told.value)
    with pytest.raises(InputError, match="--init-from: .*resnet18, of which nothing fits .*absent there"):
        take(net, make_encoder("resnet18").network.state_dict(), "resnet18")
    with pytest.raises(InputError, match="of which nothing fits .* there 64 x 3 x 7 x 7"):
        take(nn.ModuleDict({"conv1": nn.Conv2d(1, 2, 3)}), make_encoder("resnet18").network.state_dict(), "resnet18")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_representation_begins_with_another_and_keeps_what_is_its_own(tmp_path):
    source = Representation.load("random:convnet4:7")
    source.card["name"] = "learned"
    source.save(tmp_path / "learned")
    start = Representation.load("random:convnet4:0")
    print_before = start.fingerprint
    found, report = begun_with(start, tmp_path / "learned", "..blocks.1")
    assert isinstance(report, Report) and report.source == "learned" and not report.note
    assert start.fingerprint == print_before != found.fingerprint and found.name == start.name
    assert found.preprocess == start.preprocess and found.encoder is not start.encoder
    for name, value in found.encoder.network.state_dict().items():
        own = name.startswith(("blocks.2", "blocks.3"))
        assert torch.equal(value, (start if own else source).encoder.network.state_dict()[name])
    source.encoder.config["mean"] = (0.1, 0.2, 0.3)
    assert "pictures are normalised as" in begun_with(start, source)[1].lines()[-1]
