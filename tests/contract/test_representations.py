"""What every kind of names of representations holds to: a name is one representation each time, or a sentence."""

import pytest
import torch

from helpers.guards import random_state_untouched
from regard.core.checks import InputError
from regard.core.discover import load, names
from regard.representation.representation import Representation

# a name of each kind that needs no connection; of the others, whose weights are fetched, only what is refused
OFFLINE = {
    "imagenet": "imagenet",
    "random": "random:convnet4",
    "folder": "",
    "fisher": "fisher",
    "bag_of_words": "bag_of_words",
}
pytestmark = pytest.mark.parametrize("kind", names("representation"))


def named(kind: str, folder) -> str:
    """A representation's name of this kind; a folder is made first."""
    return OFFLINE[kind] or f"folder:{Representation.load('random:convnet4').save(folder / 'given')}"


def test_the_same_name_is_the_same_representation_which_can_be_saved(kind: str, tmp_path) -> None:
    assert isinstance(load("representation", kind).form, str)
    if kind not in OFFLINE:
        return
    with random_state_untouched():
        rep, again = (Representation.load(named(kind, tmp_path)) for _ in range(2))
    kept = Representation.load(rep.save(tmp_path / "kept"))
    assert rep.fingerprint == again.fingerprint == kept.fingerprint and rep.name
    x = torch.rand(2, 3, *rep.encoder.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        vectors = rep.encoder.pooled(x)
        assert torch.equal(again.encoder.pooled(x), vectors) and torch.equal(kept.encoder.pooled(x), vectors)


def test_what_there_is_not_is_refused(kind: str) -> None:
    with pytest.raises(InputError):
        Representation.load(f"{kind}:no such thing")
