"""A tuned representation brings vectors of its training pictures, and an index of the old one is upgraded by them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.core.storage import read_json
from regard.data.builtin import builtin
from regard.data.decode import content_hash
from regard.data.imageset import ImageSet
from regard.learning.bridge import BRIDGE, read_bridge
from regard.learning.settings import TrainSettings
from regard.lifelong.upgrade import upgrade
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.reuse.finetune import finetune, finetune_events
from regard.reuse.search.index.search_index import SearchIndex

SETTINGS = TrainSettings(steps=60, batch=32, precision="fp32", device="cpu", lr=5e-3)
EXACT = {"precision": "fp32", "device": "cpu"}


@pytest.fixture(scope="module")
def sets() -> tuple[ImageSet, ImageSet, ImageSet]:
    """To learn from, to score on, and to be searched: an index with twenty of the first among others."""
    every = builtin("digits")
    return tuple(every.subset(rows) for rows in (np.arange(240), np.arange(1000, 1100), np.arange(220, 360)))


@pytest.fixture(scope="module")
def tuned(sets, rep: Representation, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("tuned") / "run"
    finetune(*sets[:2], rep, out=out, settings=SETTINGS, backbone_lr_factor=1.0, bridge=200)
    return out


def test_it_brings_both_vectors_of_pictures_that_it_learned_from(sets, tuned: Path, rep: Representation) -> None:
    new = Representation.load(tuned)
    found = read_bridge(new, rep.fingerprint)
    names = [content_hash(np.asarray(item)) for item in sets[0].items]
    assert found is not None and len(found.contents) == 200 and set(found.contents) <= set(names)
    rows = [names.index(one) for one in found.contents]
    for given, by in ((found.old, rep), (found.new, new)):
        np.testing.assert_allclose(given, embed(sets[0], by, **EXACT).vectors[rows], rtol=2e-3, atol=1e-3)
    assert read_json(tuned / "card.json")["bridge"]["pictures"] == 200


def test_an_upgrade_uses_it_and_says_so(sets, tuned: Path, rep: Representation, tmp_path: Path) -> None:
    searched = sets[2]
    index = SearchIndex.create(tmp_path / "index", embed(searched, rep, **EXACT))
    new = Representation.load(tuned)
    done = upgrade(index, new, pairs=8, images=searched, out=tmp_path / "new", seed=1, **EXACT)
    # a picture that is a pair as well would be known to the map that leaves it out
    fresh = done.index.store.scan(["id"], "not translated").column("id").to_pylist()
    places = [searched.ids.tolist().index(name) for name in fresh]
    brought = set(read_bridge(new, rep.fingerprint).contents)
    shared = sum(content_hash(np.asarray(searched.items[place])) in brought for place in places)
    assert done.pairs == len(fresh) == 8 and shared > 0 and done.also == 200 - shared
    assert f"200 pictures of the set it was tuned on: {done.also} of them taught" in " ".join(done.notes)
    assert done.index.card["upgrade"]["also"] == done.also
    names = " ".join(done.translation.tried if done.translation else ())
    assert "kernel, length 1" in names and "orthogonal, pairs alone" in names
    # many more vectors say how pictures moved than eight pairs do
    by = {}
    for name, one in (("with", new), ("without", Representation(new.encoder, new.preprocess, dict(new.card)))):
        made = upgrade(index, one, pairs=8, images=searched, out=tmp_path / name, seed=1, **EXACT)
        rows = made.index.store.get([str(one) for one in searched.ids], ["id", "vector"]).to_pydict()
        there = np.array(rows["vector"])[np.argsort([list(searched.ids).index(one) for one in rows["id"]])]
        true = embed(searched, new, **EXACT).vectors
        cosine = (there * true).sum(1) / np.linalg.norm(there, axis=1) / np.linalg.norm(true, axis=1)
        by[name] = float(1 - cosine.mean())
    assert by["with"] < 0.5 * by["without"], by


def test_images_that_are_named_teach_in_its_place(sets, tuned: Path, rep: Representation, tmp_path: Path) -> None:
    index = SearchIndex.create(tmp_path / "index", embed(sets[2], rep, **EXACT))
    new, also = Representation.load(tuned), sets[1]
    done = upgrade(index, new, pairs=8, images=sets[2], also=also, was=rep, out=tmp_path / "new", **EXACT)
    assert done.also in (0, len(also)) and not any("brings" in note for note in done.notes)


@pytest.mark.parametrize("options", [{"bridge": 0, "layers": "last:1"}, {"bridge": 9, "layers": "head"}])
def test_none_is_kept_where_none_is_wanted_or_the_network_stays(sets, rep, tmp_path: Path, options) -> None:
    settings = TrainSettings(steps=2, batch=32, precision="fp32", device="cpu")
    finetune(*sets[:2], rep, out=tmp_path, settings=settings, layers="last:1", bridge=9)
    assert (tmp_path / BRIDGE).is_file()
    finetune(*sets[:2], rep, out=tmp_path, settings=settings, resume=False, **options)
    assert not (tmp_path / BRIDGE).exists() and "bridge" not in read_json(tmp_path / "card.json")
    with pytest.raises(InputError, match="--bridge"):
        finetune(*sets[:2], rep, out=tmp_path / "other", settings=settings, bridge=-1)


def test_it_may_be_deleted_and_a_run_that_ended_gets_none(sets, rep, tmp_path: Path) -> None:
    settings = TrainSettings(steps=2, batch=32, precision="fp32", device="cpu")
    options = {"out": tmp_path, "settings": settings, "bridge": 9}
    finetune(*sets[:2], rep, **options)
    (tmp_path / BRIDGE).unlink()
    assert read_bridge(Representation.load(tmp_path), rep.fingerprint) is None
    told = [event.text for event in finetune_events(*sets[:2], rep, **options)]
    assert "ended without a bridge" in told[0] and "already done" in told[1]


def test_the_same_pictures_as_other_files_do_not_teach_what_they_are_asked(
    sets, tuned: Path, rep: Representation, tmp_path: Path
) -> None:
    some = sets[0].subset(range(60))
    (tmp_path / "files").mkdir()
    for name, pixels in zip(some.ids, some.items):
        Image.fromarray(np.asarray(pixels)).save(tmp_path / "files" / f"{str(name).replace('/', '_')}.png")
    index = SearchIndex.create(tmp_path / "index", embed(tmp_path / "files", rep, **EXACT))
    new = Representation.load(tuned)
    done = upgrade(index, new, pairs=40, out=tmp_path / "new", **EXACT)
    brought = read_bridge(new, rep.fingerprint)
    inside = {content_hash(np.asarray(item)) for item in some.items} & set(brought.contents)
    assert 200 - len(inside) <= done.also <= 200 - len(inside) * 40 // 60 + 12
    assert done.translation is not None and done.translation.errors.mean() > 1e-3


def test_a_run_in_place_that_was_stopped_while_it_tidied_up_is_known(
    sets, tuned: Path, rep: Representation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, new = SearchIndex.create(tmp_path / "index", embed(sets[2], rep, **EXACT)), Representation.load(tuned)
    whole = shutil.rmtree

    def stopped(path, *more, **options):
        if (Path(path) / "plan.json").is_file():  # not what clears the way
            raise KeyboardInterrupt
        whole(path, *more, **options)

    monkeypatch.setattr("regard.lifelong.upgrade.shutil.rmtree", stopped)
    with pytest.raises(KeyboardInterrupt):
        upgrade(index, new, pairs=8, images=sets[2], **EXACT)
    monkeypatch.undo()
    again = upgrade(SearchIndex.open(tmp_path / "index"), new, pairs=8, images=sets[2], **EXACT)
    assert again.reextracted == 0 and any("tidied up" in note for note in again.notes)


def test_a_bridge_that_was_damaged_is_refused(sets, tuned: Path, rep: Representation) -> None:
    path = tuned / BRIDGE
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(InputError, match="bridge"):
            read_bridge(Representation.load(tuned), rep.fingerprint)
    finally:
        path.write_bytes(whole)


def test_pictures_held_out_by_lot_are_among_them_and_a_part_test_is_not(sets, rep, tmp_path: Path) -> None:
    settings = TrainSettings(steps=2, batch=32, precision="fp32", device="cpu")
    one = sets[0].subset(range(80))
    named, alone = (
        ImageSet(one.items, one.ids, one.labels, {"split": np.array(["train", "train", "train", part] * 20)})
        for part in ("test", "train")
    )
    for name, images, count in (("lot", one, 80), ("part", named, 60), ("alone", alone, 80)):
        finetune(images, None, rep, out=tmp_path / name, settings=settings, bridge=500)
        found = read_bridge(Representation.load(tmp_path / name), rep.fingerprint)
        assert found is not None and len(found.contents) == count
