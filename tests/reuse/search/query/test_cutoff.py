"""Results cut off where they come by chance: in the index, before re-ranking, with what is said."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.representation.embeddings import Embeddings
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.query import cutoff


def made(folder, n=400, metric="cosine"):
    """Noise, in which the first three are one thing."""
    x = np.random.default_rng(0).standard_normal((n, 64)).astype(np.float32)
    x[1:3] = x[0] + 0.05 * np.random.default_rng(1).standard_normal((2, 64))
    ids = np.array([f"n{i}" for i in range(n)])
    return SearchIndex.create(
        folder, Embeddings(x, ids, np.where(np.arange(n) < 3, "thing", "noise")), metric=metric
    ), x


def test_what_stands_out_is_kept_with_its_chance(tmp_path):
    index, x = made(tmp_path / "index")
    (hits,) = index.search(x[:1], 20, relevant=0.05)
    assert {hit.id for hit in hits} == {"n0", "n1", "n2"}
    assert all(0 <= hit.chance < 0.05 for hit in hits) and "chance" in hits[0].as_dict()
    assert index.search(x[:1], 20)[0][0].chance is None
    assert [hit.id for hit in index.search_ids(["n1"], 20, relevant=0.05)[0]] == ["n0", "n2"]


def test_nothing_and_everything_are_said(tmp_path):
    index, x = made(tmp_path / "index")
    far = np.random.default_rng(8).standard_normal((1, 64))
    nothing = index.search(far, 20, relevant=0.01)
    assert nothing[0] == [] and "nothing stands out" in nothing.notes[0]
    full = index.search(x[:1], 2, relevant=0.05)
    assert len(full[0]) == 2 and "there may be more" in full.notes[0]


def test_rerankings_see_what_is_left(tmp_path):
    index, x = made(tmp_path / "index")
    (hits,) = index.search(x[:1], 20, relevant=0.05, rerank=("expansion",))
    assert {hit.id for hit in hits} == {"n0", "n1", "n2"} and "expansion" in hits[0].stages


def test_a_condition_counts_what_is_searched(tmp_path):
    index, x = made(tmp_path / "index")
    assert index.search(x[:1], 20, "label = 'noise'", relevant=0.01)[0] == []


def test_the_background_follows_the_collection(tmp_path, monkeypatch):
    index, x = made(tmp_path / "index")
    index.search(x[:1], 5, relevant=0.05)
    first = index._background
    index.search(x[:1], 5, relevant=0.05)
    assert index._background is first
    index.remove(["n7"])
    index.search(x[:1], 5, relevant=0.05)
    assert index._background is not first
    monkeypatch.setattr(cutoff, "SAMPLE", 100)
    some = cutoff.background_of(index.collection())
    assert len(some.cosines) == 100 * 99 // 2


@pytest.mark.parametrize("q", [0, 1.5, float("nan")])
def test_wrong_shares_are_refused(tmp_path, q):
    index, x = made(tmp_path / "index")
    with pytest.raises(InputError, match="--relevant"):
        index.search(x[:1], 5, relevant=q)


def test_where_it_cannot_be_told(tmp_path):
    index, x = made(tmp_path / "small", 20)
    with pytest.raises(InputError, match="--relevant: expected at least 46"):
        index.search(x[:1], 5, relevant=0.05)
    index, x = made(tmp_path / "product", 100, "product")
    with pytest.raises(InputError, match="expected an index by cosine"):
        index.search(x[:1], 5, relevant=0.05)
