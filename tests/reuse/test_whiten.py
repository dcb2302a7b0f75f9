"""Whitening fitted to a collection: what it learns, what it is said to be worth, what is kept."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.representation.transform.whitening import fit_whitening
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.whiten import whiten

SMALL = "random:timm:test_resnet"


def pictures(n=40, each=2, seed=0):
    """Textures, each seen `each` times in other light."""
    rng = np.random.default_rng(seed)
    items, things = [], []
    for thing in range(n):
        texture = rng.integers(0, 200, (8, 8, 3)).repeat(12, 0).repeat(12, 1)
        for _ in range(each):
            items.append(np.clip(texture + rng.integers(-20, 40) + rng.normal(0, 4, texture.shape), 0, 255))
            things.append(f"thing{thing}")
    items = [item.astype(np.uint8) for item in items]
    ids = np.array([f"p{i}" for i in range(len(items))])
    return ImageSet(items, ids, columns={"identity": np.array(things)})


def test_without_things_it_is_the_collections_own_whitening():
    images = pictures()
    found = whiten(images, SMALL, check=20)
    raw = embed(images, SMALL)
    assert np.allclose(
        embed(images, found.representation).vectors, fit_whitening(raw.vectors).apply(raw.vectors), atol=1e-5
    )
    assert (found.asked, found.learned_from, found.dim) == ("crops", 80, raw.dim)
    assert found.before.n == found.after.n == 20 and found.difference.mean == pytest.approx(
        found.after.mean - found.before.mean
    )


def test_with_things_it_is_learned_and_measured_on_other_things():
    images = pictures()
    found = whiten(images, SMALL, things="identity", check=30)
    raw = embed(images, SMALL)
    by_hand = fit_whitening(raw.vectors, images.columns["identity"]).apply(raw.vectors)
    assert np.allclose(embed(images, found.representation).vectors, by_hand, atol=1e-5)
    assert found.asked == "things" and found.before.mean > 0.2
    assert found.before.mean == found.right_before.mean() and found.after.mean == found.right_after.mean()
    assert len(found.units) == 30 and len(np.unique(found.units)) < 30, "both views of a thing are one unit"


def test_a_constant_answer_has_no_gain_and_things_matter(monkeypatch):
    """A whitening that throws the things away is called a loss."""
    from regard.representation.transform.steps import Chain, Power
    from regard.reuse import whiten as module
    from regard.reuse import whitening_worth

    class Blank(Power):
        def _change(self, X):
            return np.ones_like(X)

    for each in (module, whitening_worth):
        monkeypatch.setattr(each, "fit_whitening", lambda *_: Chain((Blank(1.0),)))
    found = whiten(pictures(), SMALL, things="identity", check=60)
    assert found.difference.verdict == "loss" and found.after.mean < 0.1


def test_a_few_images_are_whitened_but_nothing_is_said():
    found = whiten(pictures(6, each=4), SMALL, things="identity", check=30)
    assert found.asked == "" and found.before is None and found.dim == embed(pictures(1), SMALL).dim
    assert whiten(pictures(), SMALL, check=0).asked == ""


def test_whitened_again_is_as_whitened_once():
    images = pictures()
    once = whiten(images, SMALL, check=0).representation
    twice = whiten(images, once, check=20)
    assert twice.representation.fingerprint == once.fingerprint
    assert twice.difference.mean == 0


def test_a_vocabulary_goes_along_and_search_uses_it(tmp_path):
    images = pictures()
    made = whiten(images, SMALL, pooling="vlad", settings={"k": 4, "dim": 8}, dim=12, check=0).representation
    made.save(tmp_path / "rep")
    rep = Representation.load(tmp_path / "rep")
    index = SearchIndex.create(tmp_path / "index", embed(images, rep))
    hits = index.search_images(images.subset([7]), top=1)
    assert hits[0][0].id == "p7" and index.card["dim"] == 12
    with pytest.raises(InputError, match="as the index has"):
        index.search_images(images.subset([7]), representation=SMALL)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"things": "person"}, "--things: expected a column of the images"),
        ({"things": "label"}, "--things: expected labelled images"),
        ({"pooling": "gemm"}, "--pooling: expected one of"),
        ({"pooling": "vlad", "settings": {"words": 3}}, "--set: expected settings of vlad"),
        ({"scales": (1, 0.5)}, "--pooling: expected the pooling"),
        ({"dim": 10_000}, "dim: expected"),
    ],
)
def test_wrong_settings_are_said(settings, message):
    with pytest.raises(InputError, match=message):
        whiten(pictures(8), SMALL, **settings)


def test_images_that_are_all_alike_teach_nothing():
    same = ImageSet([np.full((32, 32, 3), 9, np.uint8)] * 12, np.array([f"p{i}" for i in range(12)]))
    with pytest.raises(InputError, match="all equal"):
        whiten(same, SMALL)
    with pytest.raises(InputError, match="at least 10"):
        whiten(pictures(4), SMALL)
