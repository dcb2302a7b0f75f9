"""Regions: a small thing is found in a part of an image, the table stays in step, and boxes lie where they should."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import save_noise
from regard.core.checks import InputError
from regard.data.builtin import photo_crops, photos
from regard.data.decode import decode, upright_size
from regard.data.imageset import ImageSet
from regard.data.sources import open_images
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.representation.transform import saved as transform_saved
from regard.representation.transform.steps import L2, Chain
from regard.reuse.search.index.contents import with_contents
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.index.update import update
from regard.reuse.search.nearest import strategy as strategies
from regard.reuse.search.regions import search as search_module
from regard.reuse.search.regions import step as step_module
from regard.reuse.search.regions.grid import box_of, regions_of
from regard.reuse.search.regions.search import RegionSearch
from regard.reuse.search.regions.step import Stepped, in_step
from regard.reuse.search.regions.table import APART, drop, has_regions, opened
from regard.reuse.search.store import lance as lance_module
from regard.reuse.search.store.lance import LanceStore
from regard.reuse.search.store.protocol import vectors_in

NETWORK = "random:convnet4"


@pytest.fixture(scope="module")
def rep() -> Representation:
    return Representation.load(NETWORK)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_noise(tmp_path / "photos", (f"{i}.png" for i in range(8)), 40, 60)


@pytest.fixture
def index(folder: Path, tmp_path: Path, rep: Representation) -> SearchIndex:
    return SearchIndex.create(tmp_path / "index", with_contents(embed(folder, rep, cache=False)))


def noise(path: Path, seed: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8)).save(path)


def by_image(index: SearchIndex) -> dict[str, tuple[str, int]]:
    rows = opened(index.folder)[0].scan(["image", "content"]).to_pylist()
    return {row["image"]: (row["content"], sum(one["image"] == row["image"] for one in rows)) for row in rows}


def numbers(found: Stepped) -> tuple[int, int, int, int]:
    return found.images, found.embedded, found.carried, found.removed


def check_in_step(index: SearchIndex) -> None:
    wanted = {row["id"]: (row["content"], 14) for row in index.store.scan(["id", "content"]).to_pylist()}
    assert by_image(index) == wanted


def test_regions_are_pooled_parts_of_the_map_seen_whole_and_large(rep, picture) -> None:
    regions = regions_of(rep)
    assert regions.collection.preprocess.size == 64 and regions.query.preprocess.size == 32
    assert regions.collection.preprocess.mode == regions.query.preprocess.mode == "squash"
    apart = regions.apart(embed(ImageSet([picture], np.array(["a"])), regions.collection, precision="fp32").vectors)
    assert apart.shape == (1, 14, 128) and len(regions.parts_R4) == 14
    x = regions.collection.preprocess.apply(decode(picture))[None].float() / 255
    last = rep.encoder.last_map(x).detach().numpy()[0]
    for vector, part in zip(apart[0], regions.parts_R4):
        left, top, right, bottom = (part * last.shape[1]).round().astype(int)
        expected = (np.maximum(last[:, top:bottom, left:right], 1e-6) ** 3).mean((1, 2)) ** (1 / 3)
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)
    asked = regions.apart(embed(ImageSet([picture], np.array(["a"])), regions.query).vectors)
    assert asked.shape == (1, 5, 128)


def test_a_network_of_one_size_sees_its_own_size_and_signs_are_kept() -> None:
    regions = regions_of(Representation.load("random:vit_tiny_patch16_224"))
    assert regions.collection.preprocess.size == 224
    assert regions.collection.pooled.method.pool == "average"


def test_boxes_are_of_the_whole_upright_picture(tmp_path) -> None:
    assert box_of(np.array([0.5, 0.25, 1, 0.75]), (600, 200)) == (300, 50, 600, 150)
    turned = Image.fromarray(np.zeros((20, 50, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    pixels = decode(tmp_path / "turned.jpg")
    assert upright_size(tmp_path / "turned.jpg") == (pixels.shape[2], pixels.shape[1]) == (20, 50)
    assert upright_size(np.zeros((3, 7, 3), np.uint8)) == (7, 3)


def test_scores_are_maxsim_and_the_region_is_the_best_one(index, rep) -> None:
    in_step(index)
    searcher, store = RegionSearch(index), opened(index.folder)[0]
    draw = np.random.default_rng(1)
    query = draw.normal(size=(3, searcher.card["dim"])).astype(np.float32)
    hits = searcher.search([query], top=8)[0]
    unit = query / np.linalg.norm(query, axis=1, keepdims=True)
    expected = {}
    for name in index.store.scan(["id"]).column("id").to_pylist():
        vectors = vectors_in(store.get([f"{name}{APART}{part}" for part in range(14)], ["id", "vector"]))
        cosines = np.array([[one @ q / np.linalg.norm(one) for one in vectors] for q in unit])
        best = np.unravel_index(cosines.argmax(), cosines.shape)[1]
        expected[name] = cosines.max(axis=1).mean(), box_of(np.array(searcher.card["parts"][best]), (60, 40))
    assert [hit.id for hit in hits] == sorted(expected, key=lambda name: -expected[name][0])
    for hit in hits:
        assert hit.score == pytest.approx(expected[hit.id][0], abs=1e-5)
        assert hit.region == pytest.approx(expected[hit.id][1])


@pytest.fixture(scope="module")
def with_things(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[SearchIndex, dict[str, np.ndarray], dict[str, tuple]]:
    """Wide views of textures, in corners of three of which a piece of another photograph is pasted."""
    folder = tmp_path_factory.mktemp("things")
    (folder / "images").mkdir()
    files = {path.stem: path for path in map(Path, map(str, photos().items))}
    grounds = [np.asarray(Image.open(files[name]).convert("RGB")) for name in ("brick", "grass", "gravel", "moon")]
    cuts = {"china": (60, 150, 200), "astronaut": (130, 10, 200), "coffee": (120, 100, 220)}
    things = {}
    places = {"china": (0, 0), "astronaut": (330, 0), "coffee": (0, 130)}
    for name, (left, top, side) in cuts.items():
        things[name] = np.asarray(Image.open(files[name]).convert("RGB"))[top : top + side, left : left + side]
    for count in range(24):
        ground = grounds[count % 4][(count // 4) * 30 :][:230, 50:500]
        picture = Image.fromarray(ground)
        if count < 3:
            name = list(things)[count]
            picture.paste(Image.fromarray(things[name]).resize((100, 100)), places[name])
        picture.save(folder / f"images/{list(things)[count] if count < 3 else f'ground{count}'}.png")
    index = SearchIndex.create(folder / "index", with_contents(embed(folder / "images", cache=False)))
    in_step(index)
    return index, things, places


def test_a_small_thing_in_a_corner_is_found_by_regions_and_not_by_the_whole(with_things) -> None:
    index, things, places = with_things
    asked = ImageSet(list(things.values()), np.array(list(things)))
    whole = [[hit.id for hit in row].index(f"{name}.png") for row, name in zip(index.search_images(asked, 24), things)]
    hits = RegionSearch(index).search_images(asked, 24)
    found = [[hit.id for hit in row].index(f"{name}.png") for row, name in zip(hits, things)]
    assert hits.queries == tuple(things) and hits.strategy == "exact" and hits.recall == 1
    assert found == [0, 0, 0] and sum(place > 0 for place in whole) >= 2
    for row, name in zip(hits, things):
        left, top, right, bottom = row[0].region
        x, y = places[name][0] + 50, places[name][1] + 50
        assert left <= x <= right and top <= y <= bottom and (right - left) * (bottom - top) < 450 * 230 / 2


def test_conditions_leaving_out_and_spatial_verification(with_things) -> None:
    index, things, _ = with_things
    searcher, asked = RegionSearch(index), ImageSet([things["coffee"]], np.array(["q"]))
    assert searcher.search_images(asked, 3, "id <> 'coffee.png'")[0][0].id != "coffee.png"
    assert searcher.search_images(asked, 3, leave_out=["coffee.png"])[0][0].id != "coffee.png"
    hits = searcher.search_images(asked, 30, "id LIKE 'coffee%'", rerank=("spatial",))
    assert [hit.id for hit in hits[0]] == ["coffee.png"] and hits[0][0].verified is not None
    assert "30 results were asked for; id LIKE 'coffee%' holds for 1 image(s)." in hits.notes
    assert searcher.search_images(asked, 3, "id = 'no'")[0] == []
    with pytest.raises(InputError, match="--rerank with --regions: expected one of spatial"):
        searcher.search_images(asked, rerank=("expansion",))
    with pytest.raises(InputError, match="--search: expected one of auto, exact, sketch"):
        searcher.search_images(asked, strategy="ivf")
    with pytest.raises(InputError, match="--top"):
        searcher.search_images(asked, 0)
    with pytest.raises(InputError, match="where"):
        searcher.search_images(asked, where="colour = 1")
    with pytest.raises(InputError, match="vectors of 3 numbers"):
        searcher.search([np.ones((1, 3))])
    with pytest.raises(InputError, match="zeros"):
        searcher.search([np.zeros((1, searcher.card["dim"]))])


def test_many_regions_are_searched_by_a_sketch_with_its_recall(tmp_path, rep, monkeypatch) -> None:
    crops = photo_crops(220, 32)
    (tmp_path / "images").mkdir()
    for place, pixels in enumerate(crops.items):
        Image.fromarray(pixels).save(tmp_path / f"images/{place:03}.png")
    index = SearchIndex.create(tmp_path / "index", with_contents(embed(tmp_path / "images", rep, cache=False)))
    in_step(index)
    asked = ImageSet(crops.items[:20], crops.ids[:20])
    exact = RegionSearch(index).search_images(asked, 3)
    monkeypatch.setattr(strategies, "EXACT", 1000)
    monkeypatch.setattr(search_module, "NEAR", 100)
    for _ in range(2):  # read from the store, and as it was kept
        hits = RegionSearch(index).search_images(asked, 3)
        assert hits.strategy == "sketch" and 0.8 < hits.recall <= 1
        assert np.mean([a[0].id == b[0].id for a, b in zip(hits, exact)]) >= 0.9
    some = RegionSearch(index).search_images(asked, 3, "id < '005.png'")
    assert some.strategy == "exact" and all(hit.id < "005.png" for row in some for hit in row)


def test_in_step_with_what_is_new_changed_moved_and_gone(index, folder, rep, monkeypatch) -> None:
    assert in_step(index).embedded == 8
    check_in_step(index)
    seen: list[str] = []
    monkeypatch.setattr(
        step_module, "embed", lambda images, *more, **s: seen.extend(images.ids) or embed(images, *more, **s)
    )
    assert numbers(in_step(index)) == (8, 0, 0, 0)
    shutil.move(folder / "0.png", folder / "renamed.png")
    (folder / "1.png").unlink()
    noise(folder / "2.png", 5)
    noise(folder / "new.png", 6)
    update(index, open_images(folder), rep, cache=False)
    hits = RegionSearch(index).search_images(folder / "new.png", 8)
    assert any("has changed since its regions" in note for note in hits.notes)
    assert not {"0.png", "1.png", "2.png", "new.png"} & {hit.id for hit in hits[0]}  # gone, stale, not yet there
    assert numbers(in_step(index)) == (8, 2, 1, 2)
    assert sorted(seen) == ["2.png", "new.png"]
    check_in_step(index)
    hits = RegionSearch(index).search_images(folder / "new.png", 8)
    assert hits.notes == () and len(hits[0]) == 8
    index.remove(index.store.scan(["id"]).column("id").to_pylist())
    assert numbers(in_step(index)) == (0, 0, 0, 8)
    assert RegionSearch(index).search_images(folder / "new.png", 8)[0] == []


def test_one_that_was_killed_goes_on(index, monkeypatch) -> None:
    monkeypatch.setattr(step_module, "PIECE", 3)
    plain, calls = step_module.write, []

    def killed(*given) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        plain(*given)

    monkeypatch.setattr(step_module, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        in_step(index)
    assert len(by_image(index)) == 3
    again = in_step(index)
    assert again.embedded == 5 and again.images == 8 and len(calls) == 4
    check_in_step(index)


def test_a_deletion_that_was_killed_goes_on(index, monkeypatch) -> None:
    in_step(index)
    index.remove(["0.png", "1.png"])
    plain, calls = LanceStore._write, []

    def killed(self, action):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(self, action)

    with monkeypatch.context() as patch:
        patch.setattr(lance_module, "IDS_AT_ONCE", 5)
        patch.setattr(LanceStore, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            in_step(index)
    assert {"0.png", "1.png"} <= by_image(index).keys()
    assert in_step(index).removed == 2
    check_in_step(index)


def test_regions_are_kept_whitened_by_what_was_learned_from_them(index, rep, folder) -> None:
    in_step(index, precision="fp32")
    store, card, step = opened(index.folder)
    assert [one.kind for one in step.steps] == ["l2", "pca_whiten", "l2"] and card["learned_from"] == 8
    regions = regions_of(rep)
    raw = regions.apart(embed(folder, regions.collection, precision="fp32", cache=False).vectors)
    expected = step.apply(raw.reshape(-1, regions.channels).astype(np.float64))
    np.testing.assert_allclose(step.steps[1].mean, raw.reshape(-1, regions.channels).mean(0), atol=1e-5)
    rows = store.get([f"{place}.png{APART}{part}" for place in range(8) for part in range(14)], ["id", "vector"])
    np.testing.assert_allclose(vectors_in(rows), expected, atol=1e-4)


def test_what_cannot_be_had_is_set_aside_with_its_cause(index, folder, tmp_path, rep) -> None:
    (folder / "0.png").unlink()
    noise(folder / "1.png", 9)
    found = in_step(index)
    causes = {Path(fault["path"]).name: fault["cause"] for fault in found.set_aside}
    assert causes == {"0.png": "cannot be read", "1.png": "is another file now: update the index"}
    assert found.images == found.embedded == 6
    pixels = ImageSet([np.zeros((40, 40, 3), np.uint8)], np.array(["a"]))
    without = SearchIndex.create(tmp_path / "pixels", embed(pixels, rep, cache=False))
    with pytest.raises(InputError, match="--regions: expected an index of image files, got 1 images .its file is not"):
        in_step(without)
    assert not has_regions(without.folder)


def test_other_representations_are_refused(index, folder, rep) -> None:
    other = Representation.load(f"{NETWORK}:7")
    with pytest.raises(InputError, match="--with: expected the representation of the index"):
        in_step(index, other)
    in_step(index)
    with pytest.raises(InputError, match="--with: expected what made those of the index.*--no-regions"):
        in_step(index, other)
    with pytest.raises(InputError, match="3 levels"):
        in_step(index, levels=2)
    with pytest.raises(InputError, match="--with"):
        RegionSearch(index).search_images(folder / "0.png", representation=other)
    whitened = replace(rep, transform=Chain((L2(),)))  # a whitening of whole images is not that of regions
    assert in_step(index, whitened).embedded == 0
    drop(index.folder)
    assert in_step(index, levels=2).embedded == 8 and len(opened(index.folder)[1]["parts"]) == 5


def test_a_whitening_that_is_not_the_regions_own_is_refused(index, rep) -> None:
    in_step(index, rep)
    folder = index.folder / "regions"
    transform_saved.save(L2(), folder)
    with pytest.raises(InputError, match="another whitening.*--no-regions"):
        in_step(index, rep)


def test_an_index_without_regions_says_how_to_make_them(index) -> None:
    with pytest.raises(InputError, match="--regions: expected an index with regions.*--update --regions"):
        RegionSearch(index)


def test_images_that_are_all_alike_can_be_searched(tmp_path, rep) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 40), "white").save(tmp_path / "images/a.png")
    index = SearchIndex.create(tmp_path / "index", with_contents(embed(tmp_path / "images", rep, cache=False)))
    in_step(index)
    assert RegionSearch(index).search_images(tmp_path / "images/a.png", 1)[0][0].id == "a.png"


def test_a_collection_that_grew_says_that_its_whitening_is_old(index, folder, rep) -> None:
    first = index.store.scan(["id"]).column("id").to_pylist()
    index.remove(first[1:])
    assert in_step(index).note == ""
    update(index, open_images(folder), rep, cache=False)
    assert "learned from 1 images, and there are 8" in in_step(index).note
