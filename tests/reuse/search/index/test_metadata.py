"""An update takes what changed in the row and not in the file: labels and columns, in every store."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import save_noise
from regard import cli
from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.sources import open_images
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.reuse.search.index import contents
from regard.reuse.search.index import update as module
from regard.reuse.search.index.contents import with_contents
from regard.reuse.search.index.metadata import fitted, kinds_of, not_kept
from regard.reuse.search.index.record import columns, origin
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.index.update import update
from regard.reuse.search.store.lance import LanceStore
from regard.reuse.search.store.memory import MemoryStore
from regard.reuse.search.store.protocol import as_rows, schema_of, vectors_in
from regard.reuse.search.store.qdrant import QdrantStore

FIRST = {"label": list("aaabbb"), "brand": list("xxxyyy"), "year": [1, 2, 3, 4, 5, 6]}
BIG = 2**62


@pytest.fixture(params=["memory", "lance", "qdrant"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_noise(tmp_path, (f"im/{i}.png" for i in range(6)))


def table(folder: Path, **more: list) -> ImageSet:
    rows = len(next(iter(more.values())))
    with open(folder / "t.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", *more])
        writer.writerows([f"im/{i}.png", *(values[i] for values in more.values())] for i in range(rows))
    return open_images(folder / "t.csv")


def made(kind: str, images: ImageSet, rep: Representation, folder: Path) -> SearchIndex:
    vectors = with_contents(embed(images, rep, cache=False))
    schema = schema_of(vectors.dim, kinds_of(vectors.columns))
    if kind == "qdrant":
        from qdrant_client import QdrantClient

        store = QdrantStore.create(QdrantClient(":memory:"), "photos", schema)
    else:
        store = MemoryStore(schema) if kind == "memory" else LanceStore.create(folder / "t", schema)
    store.upsert(as_rows(schema, fitted(schema, columns(vectors, None)), vectors.vectors))
    return SearchIndex(folder, {"dim": vectors.dim, "metric": "cosine", **origin(vectors)}, store)


def said(index: SearchIndex, *names: str) -> list[tuple]:
    rows = sorted(index.store.scan(["id", *names]).to_pylist(), key=lambda row: row["id"])
    return [tuple(row[name] for name in names) for row in rows]


CHANGES = [
    ("a label", {"label": list("aabbbb")}, 1, "label", list("aabbbb")),
    ("a value", {"brand": list("xxyyyy")}, 1, "brand", list("xxyyyy")),
    ("a value and a label", {"label": list("aabbbb"), "brand": list("xzxyyy")}, 2, "brand", list("xzxyyy")),
    ("a new column", {"place": list("pqpqpq")}, 6, "place", list("pqpqpq")),
    ("a new column with gaps", {"place": ["p", "", "", "", "", ""]}, 1, "place", ["p", *[None] * 5]),
    ("new numbers", {"size_m": [1.5, 2, 3, 4, 5, 6]}, 6, "size_m", [1.5, 2, 3, 4, 5, 6]),
    ("a column dropped", {"brand": None}, 6, "brand", [None] * 6),
    ("labels dropped", {"label": None}, 6, "label", [None] * 6),
    ("a gap", {"year": [1, 2, 3, "", 5, 6]}, 1, "year", [1, 2, 3, None, 5, 6]),
    ("a gap in text", {"brand": ["x", "", "x", "y", "y", "y"]}, 1, "brand", None),
    ("numbers in text", {"brand": [7, 7, 7, 8, 8, 8]}, 6, "brand", list("777888")),
    ("nothing", {}, 0, "brand", list("xxxyyy")),
]


@pytest.mark.parametrize(
    ("change", "relabelled", "column", "values"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES]
)
def test_what_changed_in_the_row(kind, folder, rep, monkeypatch, change, relabelled, column, values) -> None:
    index = made(kind, table(folder, **FIRST), rep, folder)
    vectors = dict(zip(index.store.scan().column("id").to_pylist(), vectors_in(index.store.scan())))
    later = {name: value for name, value in (FIRST | change).items() if value is not None}
    monkeypatch.setattr(module, "open_pipeline", None)  # nothing is embedded
    monkeypatch.setattr(contents, "read", None)  # and no file is read
    found = update(index, table(folder, **later), rep)
    assert (found.relabelled, found.unchanged, index.count()) == (relabelled, 6 - relabelled, 6)
    if values is not None:
        assert [value for (value,) in said(index, column)] == values
    now = index.store.scan()
    for name, vector in zip(now.column("id").to_pylist(), vectors_in(now)):
        np.testing.assert_allclose(vector, vectors[name], rtol=1e-6)
    again = update(index, table(folder, **later), rep)
    assert (again.relabelled, again.unchanged) == (0, 6)
    if "label" in later:
        for label in set(later["label"]):
            assert index.store.count(f"label = '{label}'") == later["label"].count(label)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"year": [1, 2, "unknown", 4, 5, 6]}, "column year: expected whole numbers, .*got 'unknown' of im/2.png"),
        ({"year": [1, 2, 3, 4.5, 5, 6]}, "column year: expected whole numbers, .*got 4.5 of im/3.png"),
    ],
)
def test_another_type_is_refused_and_nothing_changes(kind, folder, rep, change, message) -> None:
    index = made(kind, table(folder, **FIRST), rep, folder)
    before = said(index, "label", "brand", "year")
    with pytest.raises(InputError, match=message):
        update(index, table(folder, **(FIRST | change), place=list("pppppp")), rep)
    with pytest.raises(InputError, match=message):
        index.add(embed(table(folder, **(FIRST | change), place=list("pppppp")), rep, cache=False))
    assert said(index, "label", "brand", "year") == before and "place" not in index.store.schema.names


def test_rows_that_come_and_go_beside_labels_that_change(kind, folder, rep) -> None:
    first = {name: values[:5] for name, values in FIRST.items()}
    index = made(kind, table(folder, **first), rep, folder)
    changed = {"label": list("zaabbb"), "brand": FIRST["brand"], "year": FIRST["year"], "place": list("pqrstu")}
    found = update(index, table(folder, **changed), rep, cache=False)
    assert (found.new, found.relabelled, found.removed) == (1, 5, 0)
    assert said(index, "label", "place") == list(zip(changed["label"], changed["place"]))
    found = update(index, table(folder, **{name: values[:4] for name, values in changed.items()}), rep)
    assert (found.removed, found.relabelled, found.unchanged, index.count()) == (2, 0, 4, 4)


@pytest.mark.parametrize("ways", ["renamed", "swapped"])
def test_class_folders_that_are_called_otherwise(tmp_path, rep, monkeypatch, ways) -> None:
    draw = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(draw.integers(0, 255, (32, 32, 3), np.uint8)).save(tmp_path / f"p/{name}/{i}.png")
    index = SearchIndex.create(tmp_path / "i", with_contents(embed(tmp_path / "p", rep, cache=False)))
    (tmp_path / "p/cat").rename(tmp_path / "p/bird")
    if ways == "swapped":  # each takes the other's ids
        (tmp_path / "p/dog").rename(tmp_path / "p/cat")
        (tmp_path / "p/bird").rename(tmp_path / "p/dog")
    monkeypatch.setattr(module, "open_pipeline", None)
    monkeypatch.setattr(module, "PIECE", 3)
    found = update(index, open_images(tmp_path / "p"), rep)
    assert (found.moved, found.changed, found.unchanged) == ((5, 0, 5) if ways == "renamed" else (0, 10, 0))
    fresh = embed(tmp_path / "p", rep, cache=False)
    rows = index.store.get([str(name) for name in fresh.ids])
    assert rows.num_rows == index.count() == 10
    np.testing.assert_allclose(vectors_in(rows), fresh.vectors, atol=1e-6)
    assert rows.column("label").to_pylist() == fresh.labels.tolist()


def test_a_new_column_is_added_by_add_too(kind, folder, rep) -> None:
    index = made(kind, table(folder, label=list("aab")), rep, folder)
    assert index.add(embed(table(folder, **FIRST), rep, cache=False)) == (3, 3)
    assert said(index, "brand", "year") == list(zip(FIRST["brand"], FIRST["year"]))
    assert index.add(embed(table(folder, label=list("aab")), rep, cache=False)) == (0, 3)
    assert index.store.count("brand = 'y'") == 3


def test_a_tag_keeps_the_columns_it_had(folder, rep) -> None:
    index = made("lance", table(folder, label=list("aaabbb")), rep, folder)
    index.tag("first")
    update(index, table(folder, **FIRST), rep)
    index.maintain()
    old = index.store.at("first")
    assert "brand" not in old.schema.names and old.count() == 6
    assert LanceStore.open(folder / "t").count("brand = 'x'") == 3


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        (np.array([BIG, None, BIG + 1], object), "whole", [BIG, None, BIG + 1]),  # 64 bits and a gap
        (np.array([2**63, 1], np.uint64), "text", [str(2**63), "1"]),
        (np.array([2**64, None], object), "text", [str(2**64), None]),
        (np.array([1.5, np.nan]), "number", [1.5, None]),
        (np.array([1, 2.5, None], object), "number", [1, 2.5, None]),
        (np.array([True, None], object), "boolean", [True, None]),
        (np.array(["a", 7, 7.0, None], object), "text", ["a", "7", "7", None]),
        (np.array([b"a", "b"], object), "text", ["a", "b"]),
        (np.array([None, None], object), None, None),
    ],
)
def test_kinds_of_columns(values, kind, kept) -> None:
    assert kinds_of({"c": values}) == ({} if kind is None else {"c": kind})
    if kind is not None:
        schema = schema_of(2, {"c": kind})
        given = {"id": [str(i) for i in range(len(values))], "c": values}
        rows = as_rows(schema, fitted(schema, given), np.zeros((len(values), 2), np.float32))
        assert rows.column("c").to_pylist() == kept


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("whole", "x"),
        ("whole", "007"),
        ("number", "nan"),
        ("whole", 2.5),
        ("whole", 2.0**60),
        ("number", BIG + 1),
        ("boolean", 1),
        ("whole", True),
    ],
)
def test_values_that_would_lose_something(kind, value) -> None:
    with pytest.raises(InputError, match=r"column c: expected .*, as the index has there, got .* of image"):
        fitted(schema_of(2, {"c": kind}), {"id": ["image"], "c": [value]})


def test_columns_that_cannot_be_kept_are_said(folder, capsys) -> None:
    assert not_kept(["id", "path", "label", "brand", "shoot date", "size"]) == ["shoot date", "size"]
    table(folder, **FIRST, **{"shoot date": list("abcdef"), "size": list("SMLSML")})
    line = ["index", str(folder / "t.csv"), "--out", str(folder / "ix"), "--with", "random:convnet4", "--quiet"]
    assert cli.main(line) == 0
    assert "note: columns not kept: 'shoot date', 'size'" in capsys.readouterr().out
    table(folder, label=list("aabbbb"), brand=FIRST["brand"], place=list("pppppp"))
    assert cli.main([*line[:4], "--update", "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "6 relabelled" in told and "new columns: place" in told and "emptied: year" in told


UNSAID = [
    ("another column alone", {"price": [7, 8, 9, 7, 8, 9]}, {}),
    ("labels alone", {"label": list("cccddd")}, {}),
    ("a column alone", {"brand": list("zzzwww")}, {}),
    ("numbers alone", {"year": [6, 5, 4, 3, 2, 1]}, {}),
    ("a column without values, which says so", {"brand": [""] * 6}, {"brand": [None] * 6}),
    ("a gap, which says so", {"year": [1, "", 3, 4, 5, 6]}, {"year": [1, None, 3, 4, 5, 6]}),
    ("a gap in text", {"brand": ["x", "  ", "x", "y", "y", "y"]}, {"brand": ["x", "", "x", "y", "y", "y"]}),
]


@pytest.mark.parametrize(("later", "becomes"), [c[1:] for c in UNSAID], ids=[c[0] for c in UNSAID])
@pytest.mark.parametrize("replace", [False, True])
def test_what_an_addition_does_not_say_is_kept(kind, folder, rep, later, becomes, replace) -> None:
    index = made(kind, table(folder, **FIRST), rep, folder)
    known = with_contents(embed(table(folder, **later), rep, cache=False))
    assert index.add(known, replace=replace) == (0, 6)
    for name, values in (FIRST | later | becomes).items():
        assert [value for (value,) in said(index, name)] == values, name


def test_another_file_under_an_id_takes_nothing_from_it(kind, folder, rep) -> None:
    index = made(kind, table(folder, **FIRST), rep, folder)
    new = embed(table(folder, price=[1, 2]), rep, cache=False)
    index.add(new, [str(folder / "im/0.png"), "/elsewhere/im/1.png"], replace=True)
    assert said(index, "label", "brand", "year", "price")[:3] == [
        ("a", "x", 1, 1),
        (None, None, None, 2),
        ("a", "x", 3, None),
    ]


@pytest.mark.parametrize("way", ["the column is gone", "a loose file beside class folders"])
def test_labels_that_go_are_said(folder, rep, way) -> None:
    if way == "the column is gone":
        index = made("memory", table(folder, **FIRST), rep, folder)
        later = table(folder, brand=FIRST["brand"], year=FIRST["year"])
    else:
        for i in range(6):
            (folder / f"im/{i % 2}").mkdir(exist_ok=True)
            (folder / f"im/{i}.png").rename(folder / f"im/{i % 2}/{i}.png")
        index = made("memory", open_images(folder / "im"), rep, folder)
        Image.fromarray(np.full((32, 32, 3), 9, np.uint8)).save(folder / "im/x.png")
        later = open_images(folder / "im")
    assert index.store.count("label IS NOT NULL") == 6
    notes = update(index, later, rep, cache=False).notes
    assert len(notes) == 1 and notes[0].startswith(
        "labels that are no longer known, emptied: a label is needed for each"
    )
    assert index.store.count("label IS NOT NULL") == 0
    assert update(index, later, rep, cache=False).notes == ()


NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize("way", ["made", "updated", "added"])
def test_one_value_is_one_text_whoever_wrote_it(kind, folder, rep, way) -> None:
    first, last = [NFD, NFC, f" {NFD} ", f"{NFC}\t", "1.0", "007"], ["o'e\u0301", *["y"] * 5]
    at_first = first if way == "made" else ["-"] * 6
    index = made(kind, table(folder, brand=at_first, maker=last), rep, folder)
    if way == "updated":
        update(index, table(folder, brand=first, maker=last), rep)
    if way == "added":
        index.add(with_contents(embed(table(folder, brand=first, maker=last), rep, cache=False)))
    assert [value for (value,) in said(index, "brand")] == [NFC] * 4 + ["1.0", "007"]
    for asked in (NFC, NFD):
        assert index.store.count(f"brand = '{asked}'") == 4
        assert index.store.scan(["id"], f"brand = '{asked}' AND maker = 'y'").num_rows == 3
        assert len(index.store.search(np.ones(index.card["dim"]), 6, f"brand = '{asked}'")) == 4
    assert index.store.count("maker = 'o''e\u0301'") == 1
    assert update(index, table(folder, brand=[NFC] * 4 + ["1.0", "007"], maker=last), rep).relabelled == 0


def test_ids_are_asked_for_as_the_file_system_has_them(kind, folder, rep) -> None:
    (folder / "im/0.png").rename(folder / f"im/{NFD}.png")
    index = made(kind, open_images(folder / "im"), rep, folder)
    assert index.store.count(f"id = '{NFD}.png'") == 1 and index.store.count(f"id = '{NFC}.png'") == 0
