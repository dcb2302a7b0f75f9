"""Kept vectors: those that were put in come out, and whatever else lies in the file is as good as not there."""

import shutil
import sqlite3

import numpy as np
import pytest

from regard.representation.embed import embed
from regard.representation.vector_cache import VectorCache

VECTORS = {f"{i:032x}": np.random.default_rng(i).standard_normal(48).astype(np.float32) for i in range(5)}
SMALL = "random:timm:test_resnet"


def kept(folder, name="print"):
    cache = VectorCache(name, folder)
    cache.put(VECTORS)
    cache.close()
    return folder / f"{name}.sqlite"


def got(folder, name="print"):
    cache = VectorCache(name, folder)
    found = {key: cache.get(key) for key in VECTORS}
    cache.close()
    return found


def change(path, command, *values):
    with sqlite3.connect(path) as base:
        base.execute(command, values)
    base.close()


def test_what_was_put_in_comes_out(tmp_path):
    kept(tmp_path)
    for key, vector in got(tmp_path).items():
        np.testing.assert_array_equal(vector, VECTORS[key])


FIRST, SECOND = list(VECTORS)[:2]
NUMBERS = VECTORS[FIRST].tobytes()


@pytest.mark.parametrize(
    "numbers",
    [
        *(
            NUMBERS[:at] + bytes([NUMBERS[at] ^ 1 << bit]) + NUMBERS[at + 1 :]
            for at, bit in ((0, 0), (97, 6), (191, 7))
        ),
        NUMBERS[:-4],
        NUMBERS[:-1],
        NUMBERS + bytes(4),
        bytes(len(NUMBERS)),
        b"",
        VECTORS[SECOND].tobytes(),
        (-VECTORS[FIRST]).tobytes(),
        None,
        "text",
        7,
    ],
)
def test_a_vector_that_was_changed_is_not_there(tmp_path, numbers):
    change(kept(tmp_path), "UPDATE vectors SET vector = ? WHERE hash = ?", numbers, FIRST)
    found = got(tmp_path)
    assert found[FIRST] is None and all(found[key] is not None for key in VECTORS if key != FIRST)


@pytest.mark.parametrize("value", [None, b"", bytes(8), "text", 3])
def test_a_checksum_that_was_changed(tmp_path, value):
    change(kept(tmp_path), "UPDATE vectors SET sum = ? WHERE hash = ?", value, FIRST)
    assert got(tmp_path)[FIRST] is None


def test_a_file_under_another_representations_name(tmp_path):
    shutil.copy(kept(tmp_path), tmp_path / "other.sqlite")
    assert all(vector is None for vector in got(tmp_path, "other").values())


def test_rows_that_changed_places(tmp_path):
    path = kept(tmp_path)
    for before, after in ((FIRST, "x"), (SECOND, FIRST), ("x", SECOND)):
        change(path, "UPDATE vectors SET hash = ? WHERE hash = ?", after, before)
    found = got(tmp_path)
    assert found[FIRST] is None and found[SECOND] is None


def test_a_file_of_an_earlier_version_is_filled_anew(tmp_path):
    path = tmp_path / "print.sqlite"
    change(path, "CREATE TABLE vectors (hash TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")
    change(path, "INSERT INTO vectors VALUES (?, ?)", FIRST, NUMBERS)
    assert got(tmp_path)[FIRST] is None
    kept(tmp_path)
    np.testing.assert_array_equal(got(tmp_path)[FIRST], VECTORS[FIRST])


def test_embedding_goes_on_with_right_vectors_and_mends_the_cache(class_folder, own_cache):
    first = embed(class_folder, SMALL)
    (path,) = (own_cache / "vectors").glob("*.sqlite")
    change(path, "UPDATE vectors SET vector = zeroblob(length(vector)) WHERE hash < '8'")
    again = embed(class_folder, SMALL)
    np.testing.assert_allclose(again.vectors, first.vectors, atol=1e-5)
    assert 0 < again.card["from_cache"] < 24
    assert embed(class_folder, SMALL).card["from_cache"] == 24
