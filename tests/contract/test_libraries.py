"""What every library of networks holds to: names that are found, networks that are built by name and from a folder."""

import pytest
import torch

from helpers.guards import random_state_untouched
from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.discover import load, names
from regard.representation.representation import Representation

SMALL = {"timm": "test_vit", "torchvision": "squeezenet1_1"}  # of the others, the first network is taken
pytestmark = pytest.mark.parametrize("name", names("library"))


def example(name: str) -> str:
    return SMALL.get(name) or load("library", name).names()[0]


def test_what_it_lists_it_has(name: str) -> None:
    library = load("library", name)
    listed = library.names()
    assert listed and len(listed) == len(set(listed)) and example(name) in listed and library.see
    assert all(library.has(one) for one in listed[:20]) and not library.has("no such network")


def test_a_network_is_the_same_for_the_same_seed_and_nothing_else_is_touched(name: str) -> None:
    with random_state_untouched():
        first, again, other = (make_encoder(f"{name}:{example(name)}", seed=seed).eval() for seed in (0, 0, 1))
    x = torch.rand(2, 3, *first.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        vectors = first.pooled(x)
        assert vectors.shape == (2, first.num_features) and torch.isfinite(vectors).all()
        assert torch.equal(again.pooled(x), vectors) and not torch.equal(other.pooled(x), vectors)
    assert first.name == f"{name}:{example(name)}"


def test_from_a_folder_it_is_the_same_network(name: str, tmp_path) -> None:
    rep = Representation.load(f"random:{name}:{example(name)}")
    again = Representation.load(rep.save(tmp_path / "rep"))
    x = torch.rand(1, 3, *rep.encoder.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(again.encoder.pooled(x), rep.encoder.pooled(x)) and again.fingerprint == rep.fingerprint


def test_what_there_is_not_is_refused_with_the_nearest_name(name: str) -> None:
    with pytest.raises(InputError, match=f"Did you mean '{example(name)}'"):
        make_encoder(f"{name}:{example(name)}x")
