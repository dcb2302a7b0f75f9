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


def written(tmp_path, suffix, **columns):
    """A file as another program writes it."""
    file = tmp_path / f"x.{suffix}"
    if suffix == "npz":
        np.savez(file, **{key: np.asarray(value) for key, value in columns.items()})
    else:
        pq.write_table(pa.table(columns), file)
    return file


RAGGED = {
    "middle": [[1.0, 2.0], [3.0], [4.0, 5.0, 6.0], [7.0, 8.0]],  # as many numbers as four lists of two hold
    "first": [[1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]],
    "last": [[2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [1.0]],
    "empty": [[1.0, 2.0], [], [3.0, 4.0, 5.0, 6.0], [7.0, 8.0]],
}


@pytest.mark.parametrize("kind", RAGGED)
@pytest.mark.parametrize("large", [False, True])
def test_every_row_of_a_parquet_file_is_looked_at(tmp_path, kind, large):
    lists = pa.array(RAGGED[kind], pa.large_list(pa.float64()) if large else pa.list_(pa.float64()))
    with pytest.raises(InputError, match="vectors: .*one length.*different lengths.*in row"):
        Embeddings.load(written(tmp_path, "parquet", vectors=lists, ids=list("abcd")))


FLAWED = {
    "a row": (pa.array([[1.0], None, [2.0]]), "1 rows without a list .first: row 1"),
    "a fixed row": (pa.array([[1.0], [2.0], None], pa.list_(pa.float32(), 1)), "1 rows without a list .first: row 2"),
    "a number": (pa.array([[1, 2], [3, None], [4, 5]]), "1 gaps in its lists .first: row 1"),
    "text": (pa.array([["1"], ["2"], ["3"]]), "lists of string"),
    "days": (pa.array([[1], [2], [3]], pa.list_(pa.date32())), "lists of date32"),
    "no list": (pa.array([1.0, 2.0, 3.0]), "of type double"),
}


@pytest.mark.parametrize("kind", FLAWED)
def test_vectors_of_parquet_with_gaps_or_of_other_kinds(tmp_path, kind):
    vectors, message = FLAWED[kind]
    with pytest.raises(InputError, match=f"vectors: .*{message}"):
        Embeddings.load(written(tmp_path, "parquet", vectors=vectors, ids=list("abc")))


@pytest.mark.parametrize(
    "vectors, message",
    [
        (np.full((2, 2), 1e39), "too large for float32, in 2 of 2 rows"),
        ([[1.0, -1e300], [0, 0]], r"too large for float32, in 1 of 2 rows \(first: row 0\)"),
        (np.array([[1, 2], [3, 2**200]], object), "too large for float32.*row 1"),
        (np.array([[1j, 2], [3, 4]]), "complex numbers"),
        (np.array([["1", "2"], ["3", "4"]]), "text"),
        (np.array([[b"1"], [b"2"]]), "bytes"),
        (np.array([["2024-05-01"], ["2024-05-02"]], "M8[D]"), "dates"),
        (np.array([[1], [2]], "m8[s]"), "spans of time"),
        (np.array([[1.0, "2"], [3, 4]], object), "a str"),
        (np.array([[1.0, None], [3, 4]], object), "a NoneType"),
        (np.array([[1.0, 2j], [3, 4]], object), "a complex"),
        (np.longdouble("1e60") * np.ones((2, 1)), "too large for float32"),
        (np.array([[np.inf], [1]], np.float16), "NaN or infinity in 1 of 2"),
    ],
)
def test_vectors_are_checked_as_they_are_kept(vectors, message):
    with pytest.raises(InputError, match=f"vectors: .*{message}"):
        Embeddings(vectors, ["a", "b"])


def test_what_float32_holds_is_taken():
    for kind in (np.float16, np.float64, np.int64, np.uint8, bool, object):
        assert Embeddings(np.ones((2, 3), kind), ["a", "b"]).vectors.dtype == np.float32
    assert Embeddings(np.full((1, 1), 3.4e38), ["a"]).vectors.max() > 3e38


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
@pytest.mark.parametrize(
    "values, texts",
    [
        ([10, 11, 12], ["10", "11", "12"]),
        ([10.0, 11.0, 12.0], ["10", "11", "12"]),
        ([1.5, 2.0, 3.0], ["1.5", "2", "3"]),
        ([b"caf\xc3\xa9", b"b", b"c"], ["caf\u00e9", "b", "c"]),
        (np.array(["2024-05-01", "2024-05-02", "2024-05-03"], "M8[D]"), ["2024-05-01", "2024-05-02", "2024-05-03"]),
        ([2**62, 2**62 + 1, 2**62 + 2], [str(2**62), str(2**62 + 1), str(2**62 + 2)]),
        ([True, False, True], ["True", "False", "True"]),
    ],
)
def test_ids_and_labels_have_one_text_whatever_wrote_them(tmp_path, suffix, values, texts):
    vectors = np.eye(3) if suffix == "npz" else np.eye(3).tolist()
    found = Embeddings.load(written(tmp_path, suffix, vectors=vectors, ids=list("abc"), labels=values))
    assert found.labels.tolist() == texts
    if len(set(texts)) == 3:
        assert Embeddings.load(written(tmp_path, suffix, vectors=vectors, ids=values)).ids.tolist() == texts


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_labels_that_are_the_same_are_equal(tmp_path, suffix):
    vectors = np.eye(4) if suffix == "npz" else np.eye(4).tolist()
    names = ["caf\u00e9", "cafe\u0301", " caf\u00e9", "caf\u00e9\t"]
    assert set(Embeddings.load(written(tmp_path, suffix, vectors=vectors, ids=names, labels=names)).labels) == {
        names[0]
    }
    assert set(Embeddings(np.eye(4), names, [1, 1.0, "1", "1.0"]).labels) == {"1"}
    assert len(set(Embeddings(np.eye(4), names).ids)) == 4  # ids are names of files: they stay as they are


@pytest.mark.parametrize(
    "labels",
    [["a", None, "b"], ["a", "", "b"], [1.0, np.nan, 2.0], pa.array([1, None, 2]), pa.array(["a", None, "b"])],
)
def test_some_labels_missing(tmp_path, labels):
    table = pa.table({"vectors": np.eye(3).tolist(), "ids": list("abc"), "labels": labels})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(InputError, match="labels: .*1 of 3 without a label"):
        Embeddings.load(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="labels: .*1 of 3 without a label"):
        Embeddings(np.eye(3), list("abc"), labels.to_pylist() if isinstance(labels, pa.Array) else labels)


def test_no_label_at_all_is_no_labels(tmp_path):
    for labels in ([np.nan] * 3, [None] * 3, ["", " ", ""]):
        assert Embeddings(np.eye(3), list("abc"), labels).labels is None


@pytest.mark.parametrize("ids", [["a", None], [1, None], ["a", ""], [1.0, np.nan], ["a", " "]])
def test_missing_ids(tmp_path, ids):
    with pytest.raises(InputError, match="ids: .*1 of 2 vectors without an id"):
        Embeddings.load(written(tmp_path, "parquet", vectors=[[1.0], [2.0]], ids=ids))


@pytest.mark.parametrize("name", ["ids", "labels", "identity"])
@pytest.mark.parametrize(
    "values, message",
    [
        (pa.array([["a"], ["b", "c"]]), "list<|lists of"),
        (pa.array([{"a": 1}, {"a": 2}]), "struct<"),
        (pa.array([[("k", 1)], [("k", 2)]], pa.map_(pa.string(), pa.int64())), "map<"),
        (pa.array([b"\xff\xfe", b"b"]), "no UTF-8"),
    ],
)
def test_columns_without_a_text_of_their_own(tmp_path, name, values, message):
    columns = {"vectors": [[1.0], [2.0]], "ids": ["a", "b"]} | {name: values}
    with pytest.raises(InputError, match=f"{name}: .*({message})"):
        Embeddings.load(written(tmp_path, "parquet", **columns))


@pytest.mark.parametrize("name", ["ids", "labels", "identity"])
@pytest.mark.parametrize("values", [np.array([1j, 2]), np.array(7), np.zeros(2, "V3"), np.array(["NaT", 3], "m8[s]")])
def test_arrays_that_are_no_columns(tmp_path, name, values):
    columns = {"vectors": np.eye(2), "ids": np.array(["a", "b"])} | {name: values}
    with pytest.raises(InputError, match=f"^{name}: "):
        Embeddings.load(written(tmp_path, "npz", **columns))


def test_columns_with_gaps_survive_a_round_trip(tmp_path):
    large = np.array([2**62, None, 2**62 + 1], object)
    given = Embeddings(np.eye(3), list("abc"), None, {}, {"product": large, "year": np.array([1, None, 2], object)})
    for suffix in ("npz", "parquet"):
        found = Embeddings.load(given.save(tmp_path / f"x.{suffix}"))
        assert found.columns["product"].tolist() == [str(2**62), "", str(2**62 + 1)]
        np.testing.assert_array_equal(found.columns["year"], [1, np.nan, 2])


V = np.random.default_rng(0).normal(size=(6, 3))


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
@pytest.mark.parametrize(
    "vectors, message",
    [
        (V * 1e-46, "6 of 6 rows become zero"),
        (np.r_[V[:5], 1e-60 * V[5:]], r"1 of 6 rows become zero \(first: row 5\)"),
        (V + 1e9, "5 of 6 rows become equal"),
        (V[:, :1] + 1e9, "rows become equal"),
        (np.r_[V[:4] + 1e9, V[4:]], "3 of 6 rows become equal"),
        (10**12 + np.arange(6)[:, None], "rows become equal"),
        (V * 100 + 1e9, "become equal|more than 5 % of their spread"),
        (V + 4e6, "become equal|more than 5 % of their spread"),
    ],
)
def test_vectors_that_float32_makes_one_are_refused(tmp_path, suffix, vectors, message):
    with pytest.raises(InputError, match=f"vectors: .*float32.*{message}"):
        path = written(tmp_path, suffix, vectors=vectors if suffix == "npz" else vectors.tolist(), ids=list("abcdef"))
        Embeddings.load(path)


@pytest.mark.parametrize(
    "vectors",
    [
        V,
        V * 1e-30,
        V * 1e30,
        V + 1000,
        np.zeros((6, 3)),
        np.full((6, 3), 0.1),
        np.repeat(V[:2], 3, axis=0) * (1 + 1e-15 * np.arange(6)[:, None]),
        0.1 * np.ones((6, 3)) * (1 + 1e-14 * np.arange(6)[:, None]),
        np.zeros((6, 1)) * -1.0,
        np.arange(18).reshape(6, 3),
    ],
)
def test_vectors_that_lose_only_noise_are_taken(vectors):
    np.testing.assert_allclose(Embeddings(vectors, list("abcdef")).vectors, vectors, rtol=1e-6)


def test_no_vector_and_one_vector_lose_nothing():
    assert len(Embeddings(np.zeros((0, 3)), [])) == 0 and len(Embeddings(np.full((1, 3), 1e9 + 1), ["a"])) == 1
