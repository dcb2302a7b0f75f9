"""What a run keeps of vectors before and after: whose they are, what is left out, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.pictures import save_noise
from regard.core.checks import InputError
from regard.core.storage import load_tensors, save_tensors
from regard.data.decode import content_hash, read
from regard.data.imageset import ImageSet
from regard.data.sources import open_images
from regard.learning import bridge
from regard.learning.bridge import BRIDGE, KEY, read_bridge, some_of, write_bridge
from regard.representation.checksums import checksum
from regard.representation.embed import embed
from regard.representation.embeddings import Embeddings
from regard.representation.representation import Representation

PLAIN = {"precision": "fp32", "cache": False}


@pytest.fixture
def new(rep: Representation, tmp_path: Path) -> Representation:
    """The same network with smaller pictures, in a folder."""
    made = replace(rep, preprocess=replace(rep.preprocess, size=24), loaded_from="")
    return Representation.load(made.save(tmp_path / "new"))


@pytest.fixture
def photos(tmp_path: Path) -> ImageSet:
    return open_images(save_noise(tmp_path / "photos", (f"a/{k}.png" for k in range(9))))


def kept(rep: Representation, new: Representation, photos: ImageSet, most: int = 6) -> Path:
    assert new.folder is not None
    new.card[KEY] = write_bridge(new.folder, rep, new, some_of(photos.items, most, 0), **PLAIN)
    assert new.card[KEY]["pictures"] == min(most, len(photos))
    return new.folder / BRIDGE


def kept_many(rep: Representation, new: Representation, photos: ImageSet) -> int:
    assert new.folder is not None
    return int(write_bridge(new.folder, rep, new, some_of(photos.items, 6, 0), **PLAIN)["pictures"])


def test_each_row_holds_both_vectors_of_one_picture(rep: Representation, new: Representation, photos: ImageSet) -> None:
    kept(rep, new, photos)
    found = read_bridge(new, rep.fingerprint)
    assert found is not None and len(set(found.contents)) == 6
    names = [content_hash(read(item)) for item in photos.items]
    rows = [names.index(one) for one in found.contents]
    for given, by in ((found.old, rep), (found.new, new)):
        vectors = embed(photos, by, **PLAIN).vectors[rows]
        assert given.dtype == np.float32
        np.testing.assert_allclose(given, vectors, rtol=2e-3, atol=1e-6)  # halves
    old, other = found.vectors(found.contents[:4])
    np.testing.assert_array_equal(old, found.old[4:])
    np.testing.assert_array_equal(other, found.new[4:])
    assert found.told(2) == "the new representation brings vectors of 6 pictures of the set it was tuned on: " + (
        "2 of them taught the map, too"
    )
    assert found.told(0).endswith("of no use here")


def test_the_draw_is_the_seeds_and_long_vectors_are_of_fewer_pictures(
    rep: Representation, new: Representation, photos: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kept(rep, new, photos, 5)
    first = load_tensors(path)["content"]
    kept(rep, new, photos, 5)
    assert torch.equal(load_tensors(path)["content"], first)
    write_bridge(path.parent, rep, new, some_of(photos.items, 5, 1), **PLAIN)
    assert not torch.equal(load_tensors(path)["content"], first)
    one = 2 * (rep.encoder.num_features + new.encoder.num_features)
    monkeypatch.setattr(bridge, "LARGEST", 3 * one)
    assert write_bridge(path.parent, rep, new, some_of(photos.items, 5, 0), **PLAIN)["pictures"] == 3
    assert torch.equal(load_tensors(path)["content"], first[:3])


def test_nothing_is_brought_from_another_representation_or_by_another(
    rep: Representation, new: Representation, photos: ImageSet
) -> None:
    assert read_bridge(new, rep.fingerprint) is None, "no file"
    path = kept(rep, new, photos)
    assert read_bridge(new, new.fingerprint) is None
    assert read_bridge(replace(new, loaded_from=""), rep.fingerprint) is None, "no folder"
    with torch.no_grad():
        next(new.encoder.parameters()).add_(1)
    assert read_bridge(new, rep.fingerprint) is None, "it learned on"
    assert path.is_file()


@pytest.mark.parametrize("scale", [1e7, 1e-9])
def test_values_that_halves_do_not_hold_are_kept_whole(
    rep: Representation, new: Representation, photos: ImageSet, monkeypatch: pytest.MonkeyPatch, scale: float
) -> None:
    def scaled(images: ImageSet, by: Representation, **settings: Any) -> Embeddings:
        made = embed(images, by, **settings)
        return replace(made, vectors=made.vectors * np.float32(scale if by is new else 1))

    monkeypatch.setattr(bridge, "embed", scaled)
    tensors = load_tensors(kept(rep, new, photos))
    assert (tensors["old"].dtype, tensors["new"].dtype) == (torch.half, torch.float)
    found = read_bridge(new, rep.fingerprint)
    assert found is not None
    rows = [[content_hash(read(item)) for item in photos.items].index(one) for one in found.contents]
    # what is whole takes twice the room
    monkeypatch.setattr(bridge, "LARGEST", 3 * (2 * rep.encoder.num_features + 4 * new.encoder.num_features))
    assert kept_many(rep, new, photos) == 3
    np.testing.assert_allclose(found.new, scale * embed(photos, new, **PLAIN).vectors[rows], rtol=1e-5)


@pytest.mark.parametrize("fault", ["rows", "kind", "complex", "nan", "absent", "short", "unnamed", "changed"])
def test_a_file_that_is_no_bridge_is_refused(
    rep: Representation, new: Representation, photos: ImageSet, fault: str
) -> None:
    path = kept(rep, new, photos)
    tensors = load_tensors(path)
    if fault == "rows":
        tensors["new"] = tensors["new"][1:]
    elif fault == "kind":
        tensors["content"] = tensors["content"].float()
    elif fault == "complex":
        tensors["old"] = tensors["old"].float() + 1j
    elif fault == "nan":
        tensors["old"][0, 0] = float("nan")
    elif fault == "absent":
        del tensors["old"]
    elif fault == "short":
        tensors["content"] = tensors["content"][:, :3]
    elif fault == "changed":
        tensors["new"] = 2 * tensors["new"]
    save_tensors(path, tensors, {"from": rep.fingerprint, "to": new.fingerprint})
    if fault == "unnamed":
        del new.card[KEY]
    elif fault != "changed":
        new.card[KEY]["checksum"] = checksum(path)
    with pytest.raises(InputError, match="bridge"):
        read_bridge(new, rep.fingerprint)
