"""Other images teach an index's translation: pairs among them are left out, and the old representation is checked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.pictures import save_noise
from regard.core.checks import InputError
from regard.core.storage import read_json
from regard.data.sources import open_images
from regard.lifelong.upgrade import upgrade
from regard.lifelong.upgrade_others import Others, old_of
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.reuse.search.index.contents import facts_of
from regard.reuse.search.index.search_index import SearchIndex


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    return save_noise(root / "photos", (f"{label}/{k:02d}.png" for label in "ab" for k in range(12)))


def test_other_images_teach_and_are_told_of(photos: Path, rep: Representation, tmp_path: Path) -> None:
    more = open_images(save_noise(tmp_path / "more", (f"c/{k}.png" for k in range(9)), seed=5))
    new = replace(rep, preprocess=replace(rep.preprocess, size=24), loaded_from="")
    index = SearchIndex.create(tmp_path / "index", embed(photos, rep, cache=False))
    done = upgrade(index, new, pairs=10, also=more, was=rep, out=tmp_path / "new", precision="fp32")
    assert (done.pairs, done.also, done.reextracted, done.translated) == (10, 9, 10, 14)
    assert "kernel, length 1" in done.translation.tried and len(done.translation.errors) == 10
    assert read_json(tmp_path / "new" / "card.json")["upgrade"]["also"] == 9
    with pytest.raises(InputError, match="made the index"):
        upgrade(index, new, pairs=10, also=more, was=new, out=tmp_path / "other")


def test_a_pair_among_them_is_left_out(photos: Path, rep: Representation) -> None:
    images = open_images(photos)
    others = Others(images, rep, rep, {"cache": False, "precision": "fp32"})
    own = {facts_of(item)["content"] for item in images.items[:20]}
    was, now = others.vectors(own)
    assert len(was) == 4
    np.testing.assert_array_equal(was, now)
    assert len(others.vectors({facts_of(item)["content"] for item in images.items})[0]) == 0


def test_the_old_representation_must_be_known(rep: Representation) -> None:
    card = {"representation": "x", "fingerprint": rep.fingerprint, "layer": None, "loaded_from": ""}
    assert old_of(card, rep) is rep
    with pytest.raises(InputError, match="--was"):
        old_of(card, None)
    with pytest.raises(InputError, match="layer"):
        old_of(card | {"layer": 1}, rep)
