"""A library of another package, by an entry point: its networks work wherever one is named."""

import pytest
import torch

from regard.backbones.contract import Built, Library
from regard.backbones.encoder import make_encoder
from regard.backbones.networks.convnet4 import ConvNet4
from regard.core import discover
from regard.core.checks import InputError
from regard.representation.embed import embed
from regard.representation.named import NameKind
from regard.representation.representation import Representation

CONFIG = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "crop_pct": 1.0, "interpolation": "bilinear"}


def build(name, pretrained, size):
    network = ConvNet4()
    if pretrained:
        torch.nn.init.constant_(network.blocks[0][0].weight, 0.25)
    side = size or 24
    return Built(f"mylib:{name}", network, {**CONFIG, "input_size": (3, side, side)}, side)


def read(folder, config, size):
    return build(config["architecture"], False, size)


library = Library(lambda: ["tiny", "resnet18"], ["tiny", "resnet18"].__contains__, build, read, "its page")


def named(rest):
    return Representation.load(f"random:mylib:tiny:{rest or 7}")


kind = NameKind(named, alone=True, form="mine")


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """As if a package that is installed had named these in its pyproject.toml."""
    points = {"library": ("mylib", library), "representation": ("mine", kind)}

    class Point:
        def __init__(self, name, thing):
            self.name, self.load = name, lambda: thing

    monkeypatch.setattr(discover, "_points", lambda kind: tuple(Point(*points[one]) for one in points if one == kind))


def test_its_networks_are_built_loaded_saved_and_embedded(class_folder, tmp_path):
    encoder = make_encoder("mylib:tiny", size=40)
    assert (encoder.name, encoder.input_size, encoder.num_features) == ("mylib:tiny", 40, 128)
    rep = Representation.load("mylib:tiny")
    assert rep.card["made_by"] == "weights published with the network" and rep.loaded_from == "mylib:tiny"
    assert bool((rep.encoder.network.blocks[0][0].weight == 0.25).all())
    drawn = Representation.load("random:mylib:tiny:3")
    drawn.save(tmp_path / "kept")
    again = Representation.load(tmp_path / "kept")
    assert again.fingerprint == drawn.fingerprint != rep.fingerprint
    assert embed(class_folder, again).vectors.shape == (24, 128)


def test_a_network_of_the_same_name_is_never_taken_without_the_prefix():
    assert make_encoder("resnet18").name == "timm:resnet18"
    with pytest.raises(InputError, match="backbone: expected one of .* got 'tiny'"):
        make_encoder("tiny")


def test_messages_name_it():
    with pytest.raises(InputError, match="one of mylib, timm, torchvision, got 'keras'"):
        make_encoder("keras:tiny")
    with pytest.raises(InputError, match="one of resnet18, tiny, got 'tony'. Did you mean 'tiny'"):
        make_encoder("mylib:tony")
    with pytest.raises(InputError, match="imagenet, mine, random:NETWORK, mylib:NETWORK, timm:NETWORK"):
        Representation.load("nothing")


def test_kinds_of_names_are_found_likewise():
    mine, drawn = Representation.load("mine"), Representation.load("random:mylib:tiny:7")
    assert mine.fingerprint == drawn.fingerprint and mine.loaded_from == "mine"
    assert Representation.load("mine:3").fingerprint == Representation.load("random:mylib:tiny:3").fingerprint


def test_any_name_may_be_written_with_its_kind(tmp_path):
    rep = Representation.load("random:mylib:tiny")
    rep.save(tmp_path / "kept")
    assert Representation.load(f"folder:{tmp_path / 'kept'}").fingerprint == rep.fingerprint
    again = Representation.load("library:mylib:tiny")
    assert again.card["name"] == "mylib:tiny"


def test_kinds_that_need_more_are_no_names_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("random", "folder", "library"):
        with pytest.raises(InputError, match="representation: expected"):
            Representation.load(name)
    Representation.load("random:mylib:tiny").save(tmp_path / "random")
    assert Representation.load("random").name == "random:mylib:tiny"  # a folder of this name
    with pytest.raises(InputError, match="imagenet:v2"):
        Representation.load("imagenet:v2")
