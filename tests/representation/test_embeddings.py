import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.core.checks import InputError
from regard.representation.embeddings import Embeddings


@pytest.fixture
def some() -> Embeddings:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(5, 3)).astype(np.float32)
    columns = {"domain": np.array(list("aabbb")), "year": np.arange(5)}
    return Embeddings(vectors, np.array(list("vwxyz")), np.array(list("ppqqq")), {"made": 1, "list": []}, columns)


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
@pytest.mark.parametrize("labelled", [True, False])
def test_round_trip(tmp_path, some, suffix, labelled):
    given = some if labelled else Embeddings(some.vectors, some.ids, None, some.card, some.columns)
    found = Embeddings.load(given.save(tmp_path / f"x.{suffix}"))
    np.testing.assert_array_equal(found.vectors, given.vectors)
    np.testing.assert_array_equal(found.ids, given.ids)
    assert (found.labels is None) != labelled
    assert found.card == given.card
    np.testing.assert_array_equal(found.columns["year"], np.arange(5))


def test_files_from_anywhere(tmp_path):
    """Double vectors, number ids and labels, lists of no fixed length: what other programs write."""
    table = pa.table({"vectors": [[1.0, 2.0], [3.0, 4.0]], "ids": [10, 11], "labels": [0, 1]})
    pq.write_table(table, tmp_path / "x.parquet")
    found = Embeddings.load(tmp_path / "x.parquet")
    assert found.vectors.dtype == np.float32 and found.ids.tolist() == ["10", "11"]
    assert found.labels.tolist() == ["0", "1"]
    np.savez(tmp_path / "x.npz", vectors=np.eye(2), ids=np.array(["a", "b"]))
    assert Embeddings.load(tmp_path / "x.npz").labels is None


def test_subset_keeps_rows_together(some):
    part = some.subset(some.labels == "q")
    assert part.ids.tolist() == list("xyz") and part.columns["year"].tolist() == [2, 3, 4]
    np.testing.assert_array_equal(part.vectors, some.vectors[2:])


def test_what_cannot_be_embeddings_is_refused(tmp_path):
    vectors = np.eye(3, dtype=np.float32)
    with pytest.raises(InputError, match="given twice"):
        Embeddings(vectors, np.array(["a", "a", "b"]))
    with pytest.raises(InputError, match="NaN"):
        Embeddings(vectors * np.nan, np.array(list("abc")))
    with pytest.raises(InputError, match="one value for each"):
        Embeddings(vectors, np.array(["a"]))
    with pytest.raises(InputError, match="embeddings"):
        Embeddings.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        Embeddings.load(tmp_path / "text.npz")
    np.savez(tmp_path / "objects.npz", vectors=np.array([None, 1], dtype=object), ids=["a", "b"])
    with pytest.raises(InputError, match="cannot be read"):
        Embeddings.load(tmp_path / "objects.npz")
    np.savez(tmp_path / "other.npz", x=vectors)
    with pytest.raises(InputError, match="`vectors`"):
        Embeddings.load(tmp_path / "other.npz")
    pq.write_table(pa.table({"vectors": [[1.0], [1.0, 2.0], [1.0]], "ids": ["a", "b", "c"]}), tmp_path / "r.parquet")
    with pytest.raises(InputError, match="one length"):
        Embeddings.load(tmp_path / "r.parquet")
    with pytest.raises(InputError, match="parquet"):
        Embeddings(vectors, np.array(list("abc"))).save(tmp_path / "x.csv")
