"""What every store does: the same rows, conditions and versions as the plain one in memory, side by side.

A store is a class of a file in reuse/search/store that has all methods of `Store`; it is found by itself, and has to
say below how an empty one is made and opened again.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.guards import random_state_untouched
from helpers.stores import DIM, SCHEMA, ids, qdrant, rows
from regard.core.checks import InputError, RunError
from regard.reuse.search import store as room
from regard.reuse.search.store.lance import LanceStore
from regard.reuse.search.store.memory import MemoryStore
from regard.reuse.search.store.protocol import Store, as_rows, metadata_of, vectors_in
from regard.reuse.search.store.qdrant import QdrantStore


class Maker(NamedTuple):
    """How an empty store is made in a folder, and one opened again."""

    new: Callable[[Path], Any]
    again: Callable[[Any, Path], Any]


MAKERS = {
    MemoryStore: Maker(lambda _: MemoryStore(SCHEMA), lambda store, _: store),
    LanceStore: Maker(lambda folder: LanceStore.create(folder / "t", SCHEMA), lambda _, f: LanceStore.open(f / "t")),
    QdrantStore: Maker(lambda _: qdrant(), lambda store, _: QdrantStore.open(store._client, "photos")),
}


def stores() -> list[type]:
    """The classes of the room that have every method of `Store`."""
    wanted = {name for name, one in vars(Store).items() if inspect.isfunction(one) and not name.startswith("_")}
    files = sorted(Path(next(iter(room.__path__))).glob("[a-z]*.py"))
    modules = [import_module(f"{room.__name__}.{file.stem}") for file in files]
    classes = {one for module in modules for one in vars(module).values() if inspect.isclass(one) and one is not Store}
    return sorted((one for one in classes if wanted <= set(dir(one))), key=lambda one: one.__name__)


STORES = stores()


@pytest.fixture(params=STORES, ids=lambda one: one.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MAKERS[request.param].new(tmp_path)


def test_every_store_that_is_found_can_be_made_here() -> None:
    assert set(STORES) == set(MAKERS), "say in MAKERS how an empty one is made"


def test_rows_come_back_as_they_were_given(store) -> None:
    given = rows("a", "b'c", style=["flat", None], year=[1990, 2001], good=[True, None], path=["/x/a", ""])
    assert store.upsert(given) == (2, 0)
    back = store.get(["b'c", "nobody", "a"])
    assert back.column("id").to_pylist() == ["b'c", "a"]
    plain = [name for name in SCHEMA.names if name != "vector"]
    assert back.select(plain).take([1, 0]).to_pylist() == given.select(plain).to_pylist()
    # a store may keep length and direction apart, as Qdrant does
    np.testing.assert_allclose(vectors_in(back), vectors_in(given)[::-1], rtol=1e-6)
    assert store.get(["a"], ["year"]).to_pylist() == [{"year": 1990}]
    assert store.get([]).num_rows == 0 and store.get([], ["id"]).column_names == ["id"]


def test_an_id_written_again_replaces_its_row_and_keeps_its_number(store) -> None:
    store.upsert(rows("a", "b", "c"))
    before = {row["id"]: row["_rowid"] for row in store.scan(["id", "_rowid"]).to_pylist()}
    version = store.version
    assert store.upsert(rows("b", "d", seed=1, label=["new", "new"])) == (1, 1)
    assert store.version > version and store.count() == 4
    after = {row["id"]: row["_rowid"] for row in store.scan(["id", "_rowid"]).to_pylist()}
    assert before.items() <= after.items() and len(set(after.values())) == 4
    assert ids(store.scan(["id"], since=version)) == {"b", "d"}
    assert ids(store.scan(["id"], since=store.version)) == set()
    assert store.delete(["a", "a", "nobody"]) == 1 and ids(store.scan(["id"])) == {"b", "c", "d"}


def test_columns_that_are_added_are_empty_until_they_are_written(store) -> None:
    store.upsert(rows("a", "b", style=["flat", None]))
    before = {row["id"]: row["_rowid"] for row in store.scan(["id", "_rowid"]).to_pylist()}
    version = store.version
    store.widen({"place": "text", "weight": "number", "style": "text"})
    assert metadata_of(store.schema) == {**metadata_of(SCHEMA), "place": "text", "weight": "number"}
    assert store.version > version
    assert store.get(["a"], ["style", "place", "weight"]).to_pylist() == [
        {"style": "flat", "place": None, "weight": None}
    ]
    assert store.count("place IS NULL") == 2
    wider = as_rows(store.schema, {"id": ["b", "c"], "place": ["here", None], "weight": [1.5, 2]}, np.ones((2, DIM)))
    assert store.upsert(wider) == (1, 1)
    assert ids(store.scan(["id"], "place = 'here' AND weight > 1")) == {"b"}
    assert before.items() <= {row["id"]: row["_rowid"] for row in store.scan(["id", "_rowid"]).to_pylist()}.items()
    version = store.version
    store.widen({"place": "text"})
    assert metadata_of(store.schema)["place"] == "text" and store.count("place = 'here'") == 1
    for name in ("vector", "shoot date"):
        with pytest.raises(InputError, match="columns: expected a name of letters"):
            store.widen({name: "text"})


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("style = 'flat'", {"a"}),
        ("year >= 1990 AND good", {"a"}),
        ("style IS NULL OR year < 1980", {"c", "d"}),
        ("id IN ('a', 'd') AND NOT year = 1990", {"d"}),
        ("label LIKE 'ca%'", {"b"}),
        ("1 = 0", set()),
    ],
)
def test_conditions(store, where: str, found: set[str]) -> None:
    more = {"style": ["flat", "line", None, "line"], "year": [1990, 2000, 2001, 1970]}
    store.upsert(rows("a", "b", "c", "d", good=[True, False, False, True], label=["dog", "cat", "x", "y"], **more))
    assert ids(store.scan(["id"], where)) == found and store.count(where) == len(found)
    assert {name for name, _ in store.search(np.ones(DIM), 10, where)} == found


@pytest.mark.parametrize("where", ["styl = 'flat'", "style = ", "DROP TABLE rows", " "])
def test_conditions_that_cannot_be_read(store, where: str) -> None:
    store.upsert(rows("a"))
    with pytest.raises(InputError, match="where: expected a condition such as"):
        store.scan(["id"], where)


def test_search_is_by_cosine(store) -> None:
    data = rows(*[f"n{i}" for i in range(30)])
    store.upsert(data)
    vectors, query = vectors_in(data), np.arange(DIM, dtype=np.float32) - 2
    cosine = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    found = store.search(query, 5)
    assert [name for name, _ in found] == [f"n{i}" for i in np.argsort(-cosine)[:5]]
    assert [score for _, score in found] == pytest.approx(np.sort(cosine)[::-1][:5], abs=1e-5)
    assert len(store.search(query, 99)) == 30


def test_tags_keep_a_version_through_maintenance(store) -> None:
    store.upsert(rows("a", "b"))
    if isinstance(store, QdrantStore):
        with pytest.raises(InputError, match="a store that keeps versions"):
            store.tag("first")
        with pytest.raises(InputError, match="a store that keeps versions"):
            store.at(1)
        return
    first = store.tag("first")
    store.delete(["a"])
    store.upsert(rows("b", "c", seed=3))
    store.maintain()
    old = store.at("first")
    assert ids(old.scan(["id"])) == {"a", "b"} and old.version == first and old.count() == 2
    np.testing.assert_array_equal(vectors_in(old.get(["b"])), vectors_in(rows("a", "b"))[1:])
    assert ids(store.scan(["id"])) == {"b", "c"}
    with pytest.raises(RunError, match="only be read"):
        old.delete(["a"])
    with pytest.raises(RunError, match="only be read"):
        old.upsert(rows("z"))
    store.tag("first")
    assert ids(store.at("first").scan(["id"])) == {"b", "c"}, "a tag can be moved"
    with pytest.raises(InputError, match="version: expected"):
        store.at("nothing")


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=5, unique=True)
STEPS = st.lists(
    st.tuples(st.sampled_from(["upsert", "delete", "maintain", "since"]), NAMES, st.integers(0, 9)), max_size=6
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_random_operations_agree(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    made = {one: MAKERS[one].new(tmp_path_factory.mktemp("store")) for one in STORES}
    stores = [made.pop(MemoryStore), *made.values()]
    marks = [store.version for store in stores]
    for what, names, seed in steps:
        given = rows(*names, seed=seed, year=[seed] * len(names))
        if what == "upsert":
            assert len({store.upsert(given) for store in stores}) == 1
        elif what == "delete":
            assert len({store.delete(names) for store in stores}) == 1
        elif what == "maintain":
            for store in stores:
                store.maintain()
        else:
            assert len({frozenset(ids(s.scan(["id"], since=m))) for s, m in zip(stores, marks)}) == 1
            marks = [store.version for store in stores]
        plain, *others = [store.scan().sort_by("id") for store in stores]
        for other in others:
            assert plain.drop(["vector"]).to_pylist() == other.drop(["vector"]).to_pylist()
            np.testing.assert_allclose(vectors_in(plain), vectors_in(other), rtol=1e-5)
        assert len({store.count("year > 4") for store in stores}) == 1


def test_what_is_written_does_not_hang_on_the_order_of_rows_and_draws_nothing(store, tmp_path: Path) -> None:
    other = MAKERS[type(store)].new(tmp_path / "other")
    given = rows("a", "b", "c", style=["flat", None, "line"])
    with random_state_untouched():
        assert store.upsert(given) == other.upsert(given.take([2, 0, 1])) == (3, 0)
        found = [one.search(np.ones(DIM), 3) for one in (store, store, other)]
    assert [name for name, _ in found[0]] == [name for name, _ in found[2]] and found[0] == found[1]
    plain = [one.scan(SCHEMA.names[:-1]).sort_by("id").to_pylist() for one in (store, other)]
    assert plain[0] == plain[1]


def test_nothing_in_it_is_no_trouble(store) -> None:
    assert store.count() == 0 and store.scan().num_rows == 0 and store.search(np.ones(DIM), 5) == []
    assert store.upsert(rows()) == (0, 0) and store.delete(["nobody"]) == 0 and store.delete([]) == 0
    assert store.get(["nobody"]).num_rows == 0 and store.scan().schema.names == SCHEMA.names
    store.maintain()
    store.upsert(rows("a"))
    assert [name for name, _ in store.search(np.ones(DIM), 5)] == ["a"] and store.recall() == 1


def test_copies_of_a_vector_are_rows_of_their_own(store) -> None:
    same = as_rows(SCHEMA, {"id": ["a", "b", "c"]}, np.ones((3, DIM)))
    assert store.upsert(same) == (3, 0)
    found = store.search(np.ones(DIM), 3)
    assert {name for name, _ in found} == {"a", "b", "c"} and [s for _, s in found] == pytest.approx([1, 1, 1])


def test_opened_again_it_holds_the_same(store, tmp_path: Path) -> None:
    store.upsert(rows("a", "b", year=[1, 2]))
    store.widen({"place": "text"})
    store.delete(["a"])
    again = MAKERS[type(store)].again(store, tmp_path)
    assert again.schema == store.schema and again.version == store.version and again.count() == 1
    assert again.scan().to_pylist() == store.scan().to_pylist()
    again.upsert(as_rows(again.schema, {"id": ["c"]}, np.ones((1, DIM))))
    assert store.count() == 2, "what another writes is seen"


def test_rows_that_cannot_be_are_refused_and_leave_it_as_it_was(store) -> None:
    store.upsert(rows("a"))
    for wrong, message in (
        (lambda: rows("b", "b"), "ids: .* different id"),
        (lambda: as_rows(SCHEMA, {"id": ["b"]}, np.full((1, DIM), np.nan)), "vectors: .*NaN"),
        (lambda: rows("b", colour=["red"]), "columns: .*got colour"),
        (lambda: rows("b", year=["yesterday"]), "column year: .*int64"),
    ):
        with pytest.raises(InputError, match=message):
            store.upsert(wrong())
    assert ids(store.scan(["id"])) == {"a"}
