"""`--precision int8`: calibrated, measured, remembered, never mixed. Needs nncf (the extra `int8`)."""

import json
import shutil
import sys

import numpy as np
import pytest

from helpers.arrays import cosines
from regard.core.checks import InputError, RunError
from regard.core.runtime import pick_precision
from regard.data.sources import open_images
from regard.representation import int8, int8_work
from regard.representation.agreement import Agreement
from regard.representation.embed import embed, embed_to_file
from regard.representation.embeddings import Embeddings
from regard.representation.int8 import Chosen, alike, settle
from regard.representation.representation import Representation
from regard.representation.sources import check_same_representation, load_vectors, settle_sides
from regard.reuse.search.index.build import build
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.index.update import update

SMALL = "random:timm:test_resnet"
needs_nncf = pytest.mark.skipif(not int8.installed(), reason="nncf is not installed")


@pytest.fixture
def times(monkeypatch):
    """Milliseconds of int8 and of the other, as if they had been measured, in a cache where nothing was."""
    spent = [1.0, 2.0]
    monkeypatch.setattr(int8_work, "_times", lambda *_: list(spent))
    monkeypatch.setattr(int8_work.Work, "remembered", lambda self, name: None)
    return spent


@needs_nncf
def test_it_is_calibrated_measured_and_told(class_folder, times):
    notes = []

    def watch(events):
        for event in events:
            notes.append(event.text)
            yield event

    low = embed(class_folder, SMALL, precision="int8", watch=watch)
    exact = embed(class_folder, SMALL, precision="fp32")
    card = low.card["int8"]
    assert (
        low.card["precision"] == f"int8:{card['calibration']}"
        and low.card["runner"] == f"openvino {low.card['precision']}"
    )
    assert card["calibrated_on"] == 12 and card["agreement"]["pictures"] == 12 and card["agreement"]["held_out"]
    assert cosines(low.vectors, exact.vectors).min() > 0.9
    # the agreement is that of the vectors that come out, on the pictures that were not calibrated on
    assert card["agreement"]["smallest_cosine"] >= cosines(low.vectors, exact.vectors).min() - 1e-4
    assert np.abs(cosines(low.vectors, exact.vectors) - card["agreement"]["smallest_cosine"]).min() < 1e-4
    told = next(note for note in notes if "int8:" in note)
    assert all(word in told for word in ("smallest cosine", "recall@10", "nearest neighbours", "12 others"))
    assert json.dumps(low.card["int8"])


@needs_nncf
def test_the_second_run_does_not_calibrate_again(class_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(int8_work, "_times", lambda *_: [1.0, 2.0])
    first = embed(class_folder, SMALL, precision="int8")
    for name in ("quantise", "traced", "_times"):
        monkeypatch.setattr(int8_work, name, lambda *_, **__: pytest.fail("made again"))
    monkeypatch.setitem(sys.modules, "nncf", None)
    monkeypatch.setattr(int8, "need_nncf", lambda: None)
    again = embed(class_folder, SMALL, precision="int8", cache=False)
    np.testing.assert_array_equal(again.vectors, first.vectors)
    assert again.card["int8"] == first.card["int8"] and again.card["fingerprint"] == first.card["fingerprint"]


@needs_nncf
@pytest.mark.parametrize("damage", ["", "{}", '{"agreement": 3}', "[1]", "no json"])
def test_a_damaged_record_is_measured_again(class_folder, tmp_path, monkeypatch, damage):
    monkeypatch.setattr(int8_work, "_times", lambda *_: [1.0, 2.0])
    first = embed(class_folder, SMALL, precision="int8")
    work = int8_work.Work(Representation.load(SMALL), None, 8)
    record = work._record(first.card["int8"]["calibration"].partition("-")[0])
    record.write_text(damage)
    assert embed(class_folder, SMALL, precision="int8").card["int8"] == first.card["int8"]


@needs_nncf
def test_fp32_int8_and_other_calibrations_never_meet(class_folder, tmp_path, times):
    low = embed(class_folder, SMALL, precision="int8")
    exact = embed(class_folder, SMALL, precision="fp32")
    assert exact.card["from_cache"] == 0  # vectors are kept apart
    other = embed(class_folder / "along", SMALL, precision="int8")
    assert other.card["from_cache"] == 0
    made = {name: one.card["fingerprint"] for name, one in (("low", low), ("exact", exact), ("other", other))}
    assert len(set(made.values())) == 3
    for one, two in ((low, exact), (exact, low), (low, other)):
        with pytest.raises(InputError, match="int8:"):
            check_same_representation("TEST", one, two)
        index = SearchIndex.create(tmp_path / "index", one, overwrite=True)
        with pytest.raises(InputError, match="int8:"):
            index.add(two)
        with pytest.raises(InputError, match="int8:"):
            index.search(two)


@needs_nncf
def test_shards_files_and_named_calibrations_equal_the_whole(class_folder, tmp_path, times):
    whole = embed(class_folder, SMALL, precision="int8", cache=False)
    shards = [embed(class_folder, SMALL, precision="int8", cache=False, shard=(i, 3)) for i in range(3)]
    joined = {key: row for part in shards for key, row in zip(part.ids, part.vectors)}
    np.testing.assert_array_equal(np.stack([joined[key] for key in whole.ids]), whole.vectors)
    assert {part.card["fingerprint"] for part in shards} == {whole.card["fingerprint"]}
    card = embed_to_file(class_folder, SMALL, tmp_path / "x.parquet", precision="int8")
    assert card["int8"] == Embeddings.load(tmp_path / "x.parquet").card["int8"] == whole.card["int8"]
    one = embed([sorted(class_folder.rglob("*.png"))[5]], SMALL, precision=whole.card["precision"], cache=False)
    np.testing.assert_array_equal(one.vectors[0], whole.vectors[5])
    assert one.card["fingerprint"] == whole.card["fingerprint"]


@needs_nncf
def test_an_index_in_int8_is_asked_and_brought_up_to_date_in_its_own_calibration(class_folder, tmp_path, times):
    index, _ = build(tmp_path / "index", open_images(class_folder), SMALL, precision="int8")
    assert index.card["precision"].startswith("int8:")
    picture = sorted(class_folder.rglob("*.png"))[3]
    for precision in ("auto", "int8", index.card["precision"]):
        hits = index.search_images([picture], top=1, precision=precision)
        assert hits[0][0].score == pytest.approx(1, abs=1e-5)
    with pytest.raises(InputError, match="int8:"):
        index.search_images([picture], precision="fp32")
    shutil.copy(picture, class_folder / "new.png")
    (class_folder / "new.png").write_bytes(picture.read_bytes() + b" ")
    assert update(index, open_images(class_folder), SMALL).new == 1
    exact, _ = build(tmp_path / "exact", open_images(class_folder), SMALL)
    for precision in ("int8", index.card["precision"]):
        with pytest.raises(InputError, match="which are not int8"):
            exact.search_images([picture], precision=precision)
    reopened = SearchIndex.open(tmp_path / "index")
    assert reopened.search_ids(["new.png"], top=1)[0][0].score == pytest.approx(1, abs=1e-5)


@needs_nncf
def test_two_sides_are_embedded_alike(class_folder, times):
    sides = [open_images(class_folder / name) for name in ("along", "across")]
    rep = Representation.load(SMALL)
    chosen = settle_sides("int8", sides, rep)
    train, test = (load_vectors(side, rep, precision=chosen) for side in sides)
    check_same_representation("TEST", test, train)
    assert settle_sides("int8", [train, sides[1]], rep) == Chosen(train.card["precision"])
    assert settle_sides("fp32", sides, rep) == Chosen("fp32")


@needs_nncf
def test_where_it_gains_nothing_it_says_so_and_stays(class_folder, times):
    times[:] = [1.9, 2.0]
    stays = embed(class_folder, SMALL, precision="int8")
    card = stays.card["int8"]
    assert not card["taken"] and "gains nothing" in card["why"]
    assert stays.card["precision"] == card["other"] and stays.card["runner"].startswith(f"openvino {card['other']}")
    assert stays.card["fingerprint"] == embed(class_folder, SMALL, precision="fp32").card["fingerprint"]
    note = settle("int8", open_images(class_folder), Representation.load(SMALL)).note
    assert "gains nothing" in note and f"stays in {card['other']}" in note
    forced = embed(class_folder, SMALL, precision=f"int8:{card['calibration']}")
    assert forced.card["runner"] == f"openvino int8:{card['calibration']}"


FINE = Agreement(300, True, 0.9975, 0.97, 0.0)


@pytest.mark.parametrize(
    "change, taken",
    [
        ({}, True),
        ({"found": Agreement(300, True, 0.9965, 0.97)}, False),
        ({"found": Agreement(300, True, 0.9975, 0.94)}, False),
        ({"found": Agreement(300, True, 0.9975, None)}, False),
        ({"times": (1.9, 2.0)}, False),
        ({"way": False}, False),
        ({"installed": False}, False),
        ({"images": 25}, False),
        ({"device": "cuda"}, False),
        ({"fails": RunError("nncf cannot")}, False),
    ],
)
def test_auto_takes_it_only_where_all_speaks_for_it(class_folder, monkeypatch, change, taken):
    def measured(self, images, seed):
        if "fails" in change:
            raise change["fails"]
        spent = change.get("times", (1.0, 2.0))
        return "0123456789ab", {
            "calibration": "0123456789ab",
            "fp32_share": 0.0,
            "calibrated_on": 300,
            "agreement": change.get("found", FINE).as_dict(),
            "milliseconds": dict(zip(("int8", "other"), spent)),
            "other": "fp32",
        }

    monkeypatch.setattr(int8_work.Work, "measured", measured)
    monkeypatch.setattr(int8, "WORTHWHILE", change.get("images", 24))
    monkeypatch.setattr(int8, "int8_is_the_way", lambda: change.get("way", True))
    monkeypatch.setattr(int8, "installed", lambda: change.get("installed", True))
    monkeypatch.setattr(int8, "pick_device", lambda name: change.get("device", "cpu"))
    found = settle("auto", open_images(class_folder), Representation.load(SMALL))
    assert found.precision == ("int8:0123456789ab" if taken else "auto")
    assert bool(found.note) == taken


@pytest.mark.parametrize("precision", ["int8", "int8:0123456789ab"])
def test_without_nncf_or_a_graph_it_says_what_to_do(class_folder, monkeypatch, precision):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(InputError, match=r"pip install 'regard\[int8\]'|cache does not hold") as caught:
        embed(class_folder, SMALL, precision=precision)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../../etc/x", "", "0123456789AB", "0123456789ab-200", "0123456789ab/.."])
def test_a_name_that_is_no_name_opens_no_file(class_folder, name):
    for precision in (f"int8:{name}", alike({"precision": f"int8:{name}"}), Chosen(f"int8:{name}")):
        if precision == "int8:":
            continue  # is int8
        with pytest.raises(InputError, match="--precision"):
            embed(class_folder, SMALL, precision=precision)


@needs_nncf
def test_what_cannot_be_read_is_passed_over_and_too_few_are_refused(class_folder, times):
    for number in range(4):
        (class_folder / "along" / f"9{number}.png").write_bytes(b"no picture")
    made = embed(class_folder, SMALL, precision="int8")
    assert len(made) == 24 and len(made.card["set_aside"]) == 4
    with pytest.raises(InputError, match="at least 8"):
        embed(sorted(class_folder.rglob("0*.png"))[:7], SMALL, precision="int8")


@pytest.mark.parametrize("precision", ["int8", "int8:0123456789ab"])
def test_a_network_does_not_learn_in_it(precision):
    with pytest.raises(InputError, match="does not learn"):
        pick_precision(precision, "cpu")


@needs_nncf
@pytest.mark.parametrize(
    "network", ["random:timm:test_vit", "random:timm:test_convnext", "random:timm:test_efficientnet"]
)
def test_other_networks(class_folder, network, times):
    low = embed(class_folder, network, precision="int8")
    assert low.card["runner"].startswith("openvino int8:")
    assert cosines(low.vectors, embed(class_folder, network, precision="fp32").vectors).min() > 0.8
