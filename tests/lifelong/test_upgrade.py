"""An index brought to a new representation: exact for an affine change, whole or not at all, never two kinds mixed."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import save_noise
from regard.core.checks import InputError, RunError
from regard.core.storage import read_json
from regard.data.sources import open_images
from regard.lifelong import embedded_again, upgrade_rows
from regard.lifelong.upgrade import upgrade
from regard.lifelong.upgrade_work import has_translated
from regard.lifelong.upgrade_worth import among_others, worth_of
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.representation.transform.steps import Step
from regard.reuse.search.index.contents import with_contents
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.index.update import update
from regard.reuse.search.store.protocol import vectors_in

DIM = 6
N = 48


@dataclass(frozen=True, eq=False)
class Affine(Step):
    mean: np.ndarray
    weight: np.ndarray
    shift: np.ndarray
    kind = "affine"

    def _change(self, X: np.ndarray) -> np.ndarray:
        return ((X - self.mean) @ self.weight + self.shift).astype(X.dtype)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    return save_noise(root / "photos", (f"{label}/{k:02d}.png" for label in "abcd" for k in range(N // 4)))


@pytest.fixture(scope="module")
def old(rep: Representation, photos: Path) -> Representation:
    """A few numbers of the network's vectors."""
    given = embed(photos, rep, cache=False).vectors.astype(np.float64)
    mean = given.mean(axis=0)
    directions = np.linalg.svd(given - mean)[2][:DIM].T / (given - mean).std()
    return replace(rep, transform=Affine(mean, directions, np.full(DIM, 0.3)))


@pytest.fixture(scope="module")
def new(old: Representation) -> Representation:
    """An affine change of the old vectors."""
    rng = np.random.default_rng(1)
    W, step = rng.normal(size=(DIM, DIM)), old.transform
    transform = Affine(step.mean, step.weight @ W, step.shift @ W + rng.normal(size=DIM))
    return replace(old, transform=transform)


@pytest.fixture
def index(photos: Path, old: Representation, tmp_path: Path) -> SearchIndex:
    shutil.copytree(photos, tmp_path / "photos")
    made = embed(tmp_path / "photos", old, cache=False, precision="fp32")
    return SearchIndex.create(tmp_path / "index", with_contents(made))


def run(index: SearchIndex, rep: Representation, **more):
    return upgrade(index, rep, **{"pairs": 16, "cache": False, "precision": "fp32"} | more)


def rows_of(index: SearchIndex) -> dict[str, tuple]:
    rows = index.store.scan()
    names = [name for name in rows.schema.names if name not in ("id", "vector")]
    known = (tuple(row.values()) for row in rows.select(names).to_pylist())
    vectors = (vector.tobytes() for vector in vectors_in(rows))
    return dict(zip(rows.column("id").to_pylist(), zip(known, vectors)))


def tree(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_affine_change_is_followed_exactly(index, old, new, tmp_path) -> None:
    before = dict(index.card)
    found = run(index, new)
    truth = embed(tmp_path / "photos", new, cache=False, precision="fp32")
    rows = found.index.store.get([str(name) for name in truth.ids])
    np.testing.assert_allclose(vectors_in(rows), truth.vectors, atol=2e-4)
    assert rows.column("label").to_pylist() == truth.labels.tolist()
    assert rows.column("path").to_pylist() == truth.columns["path"].tolist()
    assert (found.pairs, found.reextracted, found.translated) == (16, 16, N - 16)
    assert sum(rows.column("translated").to_pylist()) == N - 16
    assert found.worth.itself.mean == 1
    for measure in ("recall_at_1", "map"):
        figures = found.worth.figures
        assert figures["translated"][measure].mean == pytest.approx(figures["reextracted"][measure].mean, abs=1e-6)
    said = found.index.card["upgrade"]
    assert (said["from"]["fingerprint"], said["to"]["fingerprint"]) == (before["fingerprint"], new.fingerprint)
    assert found.index.card["fingerprint"] == new.fingerprint
    assert tree(tmp_path) == ["index", "photos"]
    hits = found.index.search(truth.subset([3]), top=1)
    assert hits[0][0].id == truth.ids[3]
    with pytest.raises(InputError, match="as the index has"):
        found.index.search(embed(tmp_path / "photos", old, cache=False).subset([0]))


def test_it_is_searched_by_the_old_representation_until_it_is_done_and_never_by_both(
    index, old, new, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(embedded_again, "PIECE", 4)
    queries = embed(tmp_path / "photos", old, cache=False).subset([0, 20])
    others = embed(tmp_path / "photos", new, cache=False).subset([0, 20])
    reader = SearchIndex.open(index.folder)
    first = [[hit.id for hit in row] for row in reader.search(queries, top=5)]
    seen = []

    def watch(events: Iterable) -> Iterable:
        for event in events:
            if event.kind == "done":
                continue
            for one in (reader, SearchIndex.open(index.folder)):
                assert [[hit.id for hit in row] for row in one.search(queries, top=5)] == first
                with pytest.raises(InputError, match="as the index has"):
                    one.search(others)
            seen.append(event.kind)
            yield event

    found = run(index, new, budget=4, watch=watch)
    assert len(seen) >= 6
    # what was open is of old vectors: it neither answers from both, nor writes old ones among the new
    before = rows_of(found.index)
    for action in (
        lambda: reader.search(queries),
        lambda: reader.search_ids([str(queries.ids[0])]),
        lambda: reader.add(queries, replace=True),
        lambda: reader.remove([str(queries.ids[0])]),
        lambda: reader.count(),
    ):
        with pytest.raises(RunError, match="Open it again"):
            action()
    assert rows_of(found.index) == before
    assert SearchIndex.open(index.folder).search(others, top=1)[0][0].id == others.ids[0]


def stopped_at(number: int) -> Callable:
    def watch(events: Iterable) -> Iterable:
        for place, event in enumerate(events):
            if place == number:
                raise KeyboardInterrupt
            yield event

    return watch


@pytest.mark.parametrize("where", [0, 2, 4, 6, "fill", "place"])
def test_killed_and_run_again_it_ends_the_same(index, new, tmp_path, monkeypatch, where) -> None:
    monkeypatch.setattr(embedded_again, "PIECE", 4)
    shutil.copytree(index.folder, tmp_path / "again" / "index")
    wanted = rows_of(run(index, new, budget=8).index)
    victim = SearchIndex.open(tmp_path / "again" / "index")
    untouched = rows_of(victim)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if where == "fill":
            patch.setattr(upgrade_rows, "ROWS_A_VERSION", 10)
            patch.setattr("regard.lifelong.upgrade_rows.LanceStore.maintain", _interrupt)
        elif where == "place":
            patch.setattr("regard.lifelong.upgrade_work.take_place", _interrupt)
        run(victim, new, budget=8, watch=stopped_at(where) if isinstance(where, int) else None)
    assert rows_of(SearchIndex.open(victim.folder)) == untouched
    seen: list[str] = []
    monkeypatch.setattr(
        embedded_again, "embed", lambda images, *a, **k: (seen.extend(images.ids), embed(images, *a, **k))[1]
    )
    found = run(SearchIndex.open(victim.folder), new, budget=8)
    assert rows_of(found.index) == wanted
    assert len(seen) < 24 or where == 0
    assert tree(tmp_path / "again") == ["index"]


def _interrupt(*given, **more) -> None:
    raise KeyboardInterrupt


def test_killed_while_it_tidies_up_it_is_done_and_embeds_no_more(index, new, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("regard.lifelong.upgrade_work.SearchIndex.open", _interrupt)
        run(index, new, budget=8)
    now = SearchIndex.open(index.folder)
    held = rows_of(now)
    found = run(now, new, budget=8)
    assert (found.reextracted, found.translated) == (0, N - 24)
    assert rows_of(found.index) == held and tree(tmp_path) == ["index", "photos"]


def test_what_is_written_to_the_index_meanwhile_is_in_it_afterwards(index, old, new, tmp_path) -> None:
    writer = SearchIndex.open(index.folder)
    extra = save_noise(tmp_path / "photos" / "late", ["0.png"], seed=9)
    late = embed(tmp_path / "photos", old, cache=False, precision="fp32")
    late = late.subset([str(path).startswith(str(extra)) for path in late.columns["path"]])

    def watch(events: Iterable) -> Iterable:
        for event in events:
            yield event
            if event.kind == "pairs" and event.step == event.steps:
                writer.add(with_contents(late))
                writer.remove(["a/00.png"])

    found = run(index, new, watch=watch, seed=3)
    ids = set(found.index.store.scan(["id"]).column("id").to_pylist())
    assert "late/0.png" in ids and "a/00.png" not in ids and len(ids) == N
    truth = embed(tmp_path / "photos", new, cache=False, precision="fp32")
    rows = found.index.store.get([str(name) for name in truth.ids])
    kept = [str(name) in ids for name in truth.ids]
    np.testing.assert_allclose(vectors_in(rows), truth.vectors[kept], atol=2e-4)


def test_the_rows_with_the_largest_expected_error_are_embedded_first_and_more_of_them_later(
    index, rep, tmp_path
) -> None:
    other = Representation.load("random:convnet4:5")
    plan = run(index, other, out=tmp_path / "plan")
    errors = {
        row["id"]: row["translation_error"]
        for row in plan.index.store.scan(["id", "translation_error"], "translated").to_pylist()
    }
    worst = sorted(errors, key=lambda name: (-errors[name], name))
    found = run(index, other, budget=8)
    assert (found.reextracted, found.translated) == (24, N - 24)
    left = set(found.index.store.scan(["id"], "translated").column("id").to_pylist())
    assert left == set(worst[8:])
    more = run(found.index, other, budget=10)
    assert (more.reextracted, more.translated, has_translated(more.index)) == (10, N - 34, N - 34)
    assert set(more.index.store.scan(["id"], "translated").column("id").to_pylist()) == set(worst[18:])
    truth = embed(tmp_path / "photos", other, cache=False, precision="fp32")
    names = [str(name) for name in truth.ids if str(name) not in set(worst[18:])]
    rows = more.index.store.get(names)
    wanted = truth.vectors[[str(name) in names for name in truth.ids]]
    np.testing.assert_allclose(vectors_in(rows), wanted, atol=1e-5)
    last = run(more.index, other, budget=1000)
    assert (last.reextracted, last.translated) == (N - 34, 0)
    with pytest.raises(InputError, match="made all of the index's vectors"):
        run(last.index, other, budget=1)


def test_where_all_are_pairs_nothing_is_translated(index, new) -> None:
    found = run(index, new, pairs=None)
    assert found.translation is None and found.worth is None
    assert (found.reextracted, found.translated) == (N, 0)
    assert found.index.store.count("translated") == 0


def test_a_row_says_that_it_is_translated_as_long_as_it_is(index, new, tmp_path) -> None:
    found = run(index, new)
    folder, now = tmp_path / "photos", found.index
    marks = {row["id"]: row["translated"] for row in now.store.scan(["id", "translated"]).to_pylist()}
    names = sorted(name for name, value in marks.items() if value)
    moved, relabelled, changed = names[:3]
    (folder / moved).rename(folder / "a" / "moved.png")
    Image.fromarray(np.random.default_rng(5).integers(0, 255, (32, 32, 3), np.uint8)).save(folder / changed)
    images = open_images(folder)
    labels = images.labels.copy()
    labels[[str(name) == relabelled for name in images.ids]] = "z"
    update(now, replace(images, labels=labels), new, cache=False, precision="fp32")
    after = {row["id"]: row for row in now.store.scan(["id", "translated", "label"]).to_pylist()}
    assert after["a/moved.png"]["translated"] is True
    assert after[relabelled] == {"id": relabelled, "translated": True, "label": "z"}
    assert after[changed]["translated"] is False
    assert has_translated(now) == N - 16 - 1
    again = update(now, replace(images, labels=labels), new, cache=False)
    assert again.unchanged == N and again.relabelled == 0


def test_into_a_new_folder_the_old_index_stays_and_its_tags(index, old, new, tmp_path) -> None:
    index.tag("first")
    held = rows_of(index)
    with pytest.raises(InputError, match="tags \\(first\\).*--out"):
        run(index, new)
    found = run(index, new, out=tmp_path / "fresh")
    assert rows_of(index) == held and index.card["fingerprint"] == old.fingerprint
    assert found.index.folder.name == "fresh" and has_translated(found.index) == N - 16
    with pytest.raises(InputError, match="holds an index"):
        run(index, new, out=tmp_path / "fresh")


def test_files_that_are_gone_or_others_now_are_translated_and_told(index, new, tmp_path) -> None:
    names = sorted(index.store.scan(["id"]).column("id").to_pylist())
    for name in names[:30]:
        (tmp_path / "photos" / name).unlink()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "photos" / names[30])
    found = run(index, new, pairs=40)
    causes = {fault["path"]: fault["cause"] for fault in found.set_aside}
    assert (found.pairs, found.translated) == (N - 31, 31)
    assert causes == dict.fromkeys(names[:30], "cannot be read") | {names[30]: "is another file now: update the index"}


def test_too_few_images_to_learn_from_change_nothing(index, new, tmp_path) -> None:
    held = rows_of(index)
    for path in sorted((tmp_path / "photos").rglob("*.png"))[:-5]:
        path.unlink()
    with pytest.raises(InputError, match="5 images that can be embedded"):
        run(index, new, out=tmp_path / "fresh")
    assert rows_of(index) == held and not (tmp_path / "fresh").exists()


def test_what_does_not_go_is_refused(index, old, new, tmp_path) -> None:
    for match, rep, more in (
        ("made all of the index's vectors", old, {}),
        ("--precision", new, {"precision": "int8"}),
        ("--by", new, {"by": "nothing"}),
        ("--pairs", new, {"pairs": 3}),
        ("--budget", new, {"budget": -1}),
    ):
        with pytest.raises(InputError, match=match):
            run(index, rep, **more)
    done = run(index, new).index
    for match, more in (("--budget", {}), ("--out", {"budget": 3, "out": tmp_path / "x"})):
        with pytest.raises(InputError, match=match):
            run(done, new, **more)
    frozen = SearchIndex.create(tmp_path / "plain", embed(tmp_path / "photos", old, cache=False), [""] * N)
    with pytest.raises(InputError, match="files are not known"):
        run(frozen, new)
    assert read_json(tmp_path / "plain" / "card.json")["fingerprint"] == old.fingerprint


def test_where_only_the_transform_is_new_hardly_anything_has_to_be_learned(photos, rep, tmp_path) -> None:
    rng = np.random.default_rng(0)
    plain = embed(photos, rep, cache=False, precision="fp32")
    index = SearchIndex.create(tmp_path / "index", with_contents(plain))
    transform = Affine(plain.vectors.mean(axis=0), rng.normal(size=(plain.dim, plain.dim)), np.ones(plain.dim))
    other = replace(rep, transform=transform)
    found = run(index, other, pairs=8)  # of 128 numbers each
    truth = embed(photos, other, cache=False, precision="fp32")
    got = vectors_in(found.index.store.get([str(name) for name in truth.ids]))
    assert np.abs(got - truth.vectors).max() < 1e-3 * np.abs(truth.vectors).max()
    assert found.translated == N - 8 and any("transform" in note for note in found.notes)


def test_translated_rows_that_find_less_do_not_take_the_place_of_the_index(index, old, tmp_path) -> None:
    # old vectors that know the label, and new ones of a network with drawn weights
    made = embed(tmp_path / "photos", old, cache=False)
    knowing = np.eye(DIM)[["abcd".index(label) for label in made.labels]]
    knowing += 0.01 * np.random.default_rng(0).normal(size=knowing.shape)
    index.update(replace(made, vectors=knowing.astype(np.float32)))
    held, other = rows_of(index), Representation.load("random:convnet4:5")
    with pytest.raises(InputError, match="find less than the index does now.*--pairs"):
        run(index, other, pairs=40)
    assert rows_of(index) == held and tree(tmp_path) == ["index", "photos"]
    found = run(index, other, pairs=40, out=tmp_path / "fresh")
    assert found.worth.differences["translated - before: map"].verdict == "loss"


def test_worth_on_a_case_worked_by_hand() -> None:
    new = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], float)
    swapped = new[[0, 2, 1, 3]]  # two rows stand where the other belongs
    found = worth_of(new, swapped, np.zeros((4, 3)) + 1, kinds=["a", "a", "b", "b"])
    assert found.itself.mean == 0.5 and found.images == found.queries == 4
    assert found.figures["reextracted"]["recall_at_1"].mean == 1
    # each asks for the other of its kind, its own row left out: that comes third, and for the others second
    assert found.figures["translated"]["recall_at_1"].mean == 0
    assert found.figures["translated"]["map"].mean == pytest.approx((1 / 3 + 3 / 2) / 4)
    assert set(found.figures) == {"before", "reextracted", "translated"}
    alone = worth_of(new, new, new, kinds=[None, "a", "b", "c"])
    assert alone.queries == 0 and alone.itself.mean == 1


def test_what_an_index_loses_is_seen_among_all_of_its_rows() -> None:
    # forty images that ask, each the only one of its kind among them; its fellow is another row
    rng = np.random.default_rng(0)
    old, kinds = rng.normal(size=(40, 8)), [f"{k}" for k in range(40)]
    shuffled = rng.permutation(40)
    same = {"kinds": [*kinds, *kinds], "metric": "cosine"}
    assert worth_of(old, old, old, kinds=kinds).queries == 0, "the pairs alone say nothing"
    kept = among_others(old, old, old, (old + 1e-3, old + 1e-3), **same)
    assert all(one.mean == 0 and one.verdict != "loss" for one in kept.values())
    lost = among_others(old, old, old, (old + 1e-3, old[shuffled]), **same)
    stay = float(np.mean(shuffled == np.arange(40)))
    assert lost["recall_at_1"].mean == pytest.approx(stay - 1, abs=0.05)
    assert {one.verdict for one in lost.values()} == {"loss"}
    assert among_others(old, old, old, (old, old), ["a"] * 80) == {}


def test_few_pairs_of_many_labels_are_enough_to_refuse(index, old, tmp_path) -> None:
    made = embed(tmp_path / "photos", old, cache=False)
    knowing = np.eye(DIM)[["abcd".index(label) for label in made.labels]]
    knowing += 0.01 * np.random.default_rng(0).normal(size=knowing.shape)
    index.update(replace(made, vectors=knowing.astype(np.float32)))
    held = rows_of(index)
    with pytest.raises(InputError, match="pairs among the index"):
        run(index, Representation.load("random:convnet4:5"), pairs=12)
    assert rows_of(index) == held
