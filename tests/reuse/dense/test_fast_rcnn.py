"""Fast R-CNN on given proposals: eight scenes learned by heart, proposals that move with pictures, and a whole run."""

import json
import shutil

import numpy as np
import pytest
import torch

from helpers.shapes import built, empty, fits, gradients, learned, levels_of, pyramid_of, scenes
from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.scenes import scenes as rendered
from regard.learning.batch import Batch
from regard.learning.settings import TrainSettings
from regard.reuse.dense.augment import Changes, augmented
from regard.reuse.dense.fast_rcnn import FastRCNN, Proposed
from regard.reuse.dense.faster_rcnn import Settings
from regard.reuse.dense.feed import DenseFeed
from regard.reuse.dense.frame import Framed
from regard.reuse.dense.given_boxes import GivenBoxes, filled, padded
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.objects import Objects
from regard.reuse.dense.scoring import score
from regard.reuse.dense.selective_search import Searched, SelectiveSearch
from regard.reuse.dense.train import train, train_events

SIZE = 64
SEARCH = SelectiveSearch(most=150)
SETTINGS = TrainSettings(steps=4, batch=3, lr=2e-3, precision="fp32", device="cpu", checkpoint_steps=2, eval_every=4)
SMALL = {"representation": "random:convnet4", "size": 64, "head": "fast_rcnn", "settings": SETTINGS}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def searched(images):
    return [SEARCH(one) for one in (images * 255).round().to(torch.uint8)]


@pytest.fixture(scope="module")
def parts():
    every = rendered(14, size=64, seed=3)
    return every.subset(np.arange(8)), every.subset(np.arange(8, 14))


def test_it_learns_eight_scenes_by_heart_from_searched_proposals():
    pyramid, (images, objects, _) = pyramid_of(), scenes()
    boxes = searched(images)
    head = built(FastRCNN, pyramid.info, 2, settings=Settings(width=32))
    told = learned(head, Proposed(objects, padded(boxes)), pyramid, 90, lr=2e-3, generator=rng())
    assert set(told[0]) == {"loss", "classes", "boxes"}
    assert told[0]["loss"] > 5 * min(one["loss"] for one in told[-5:])
    with torch.no_grad():
        found = head.predict(pyramid(images), SIZE, boxes)
        (alone,) = head.predict(pyramid(images[3:4]), SIZE, boxes[3:4])
        (none,) = head.predict(pyramid(images[3:4]), SIZE, [torch.zeros(0, 4)])
    assert all(fits(one, known, 0.3) for one, known in zip(found, objects.each()))
    torch.testing.assert_close(alone.boxes, found[3].boxes, rtol=0, atol=1e-3)
    assert none.boxes.shape == (0, 4) and none.classes.dtype == torch.int64


@pytest.mark.parametrize("objects", [empty(2), Objects(*(one[:2] for one in scenes()[1]))])
@pytest.mark.parametrize("proposals", [padded([torch.zeros(0, 4)] * 2), torch.tensor([[[4.0, 4, 30, 30]]] * 2)])
def test_without_objects_or_proposals_nothing_is_nan(objects, proposals):
    levels, info = levels_of(count=2)
    loss, _ = gradients(built(FastRCNN, info, 2), levels, Proposed(objects, proposals), generator=rng())
    assert loss >= 0


def test_proposals_move_as_the_boxes_of_objects_do():
    images, objects, _ = scenes()
    batch = Batch(
        images, torch.arange(len(images)), boxes=objects.boxes, classes=objects.classes, ignore=objects.ignore,
        proposals=objects.boxes,
    )  # fmt: skip
    for seed in range(4):
        moved = augmented(batch, Changes(jitter=0.0, least=0.0), rng(seed), (0, 0, 0))
        there = moved["classes"] >= 0
        assert not torch.equal(moved["boxes"], batch["boxes"])
        torch.testing.assert_close(moved["proposals"][there], moved["boxes"][there])
        sides = moved["proposals"][~there][:, 2:] - moved["proposals"][~there][:, :2]
        assert (sides.clamp(min=0).prod(1) == 0).all()
    one = Batch(images, torch.arange(8), proposals=objects.boxes)
    assert not torch.equal(augmented(one, Changes(jitter=0.0), rng(), (0, 0, 0))["proposals"], objects.boxes)


def test_boxes_are_filled_up_and_back():
    boxes = [torch.tensor([[1.0, 2, 5, 6], [0, 0, 2, 2]]), torch.zeros(0, 4), torch.tensor([[3.0, 3, 9, 4]])]
    assert padded(boxes).shape == (3, 2, 4) and padded([torch.zeros(0, 4)]).shape == (1, 1, 4)
    assert all(torch.equal(one, other) for one, other in zip(filled(padded(boxes)), boxes))


def test_the_feed_brings_what_is_searched_in_the_picture_and_not_in_what_fills_it_up():
    wide = rendered(2, size=64).items[0][:40]
    row = rendered(1, size=64).annotations.take(np.array([0]))
    images = ImageSet([wide], np.array(["wide"]), annotations=row)
    feed = DenseFeed(
        ImageSet([rendered(1, size=64).items[0]], np.array(["a"]), annotations=row), 96, ("sphere",),
        proposals=Searched(SEARCH),
    )  # fmt: skip
    batch = feed(np.array([0, 0]))
    square = batch.images[0]
    assert torch.equal(batch["proposals"][0], SEARCH(square)) and batch["proposals"].shape[1] > 20
    found = Searched(SEARCH).of(
        "", Framed(40, 64, 64), torch.from_numpy(np.pad(wide, ((0, 24), (0, 0), (0, 0)))).permute(2, 0, 1)
    )
    assert torch.equal(found, SEARCH(torch.from_numpy(images.items[0]).permute(2, 0, 1))) and found[:, 3].max() == 40


def test_a_run_goes_on_to_the_same_numbers_and_is_read_elsewhere(parts, tmp_path):
    whole = train(*parts, out=tmp_path / "whole", **SMALL)
    events = train_events(*parts, out=tmp_path / "stopped", **SMALL)
    for event in events:
        if event.kind == "checkpoint" and event.step == 2:
            break
    events.close()
    train(*parts, out=tmp_path / "stopped", **SMALL)
    shutil.move(tmp_path / "stopped", tmp_path / "elsewhere")
    moved = DenseModel.load(tmp_path / "elsewhere")
    assert moved.objective == whole.objective and moved.objective.search == SelectiveSearch()
    for a, b in zip(whole.predict(parts[1]), moved.predict(parts[1]), strict=True):
        assert a.row == b.row and torch.equal(a.boxes, b.boxes) and torch.equal(a.scores, b.scores)
    metrics = json.loads((tmp_path / "whole/metrics.json").read_text())
    assert metrics["ap50"] == score(whole, parts[1]).metrics["ap50"]


def test_proposals_can_be_given_and_a_picture_without_any_is_set_aside(parts, tmp_path):
    every = {}
    for images in parts:
        for row in range(len(images)):
            boxes = images.annotations[row].boxes.xyxy
            every[str(images.ids[row])] = np.concatenate([boxes, [[0, 0, 30, 30], [-5, 10, 70, 64], [9, 9, 9, 20]]])
    gone = str(parts[1].ids[2])
    del every[gone]
    ids = np.concatenate([[name] * len(boxes) for name, boxes in every.items()])
    np.savez(tmp_path / "boxes.npz", ids=ids, boxes=np.concatenate(list(every.values())))
    given = GivenBoxes.read(tmp_path / "boxes.npz")
    model = train(*parts, out=tmp_path / "run", proposals=given, **SMALL)
    failed = {}
    answers = list(model.predict(parts[1], failed=failed))
    assert [one.row for one in answers] == [0, 1, 3, 4, 5]
    assert failed == {parts[1].called(2): f"proposals: none are given of {gone}"}
    assert "proposals were given" in " ".join(json.loads((tmp_path / "run/scores.json").read_text())["notes"])
    plain = list(DenseModel.load(tmp_path / "run").predict(parts[1]))
    assert len(plain) == 6 and not torch.equal(plain[0].boxes, answers[0].boxes)


def test_given_boxes_are_read_from_tables_in_their_order(tmp_path):
    (tmp_path / "boxes.csv").write_text("path,x0,y0,x1,y1\nb.png,4,4,8,9\na.png,0,0,2,2\nb.png,1,1,3,3.5\n")
    given = GivenBoxes.read(tmp_path / "boxes.csv")
    assert given.boxes["b.png"].tolist() == [[4, 4, 8, 9], [1, 1, 3, 3.5]] and set(given.boxes) == {"a.png", "b.png"}
    found = given.of("b.png", Framed(10, 20, 40), torch.zeros(3, 40, 40, dtype=torch.uint8))
    assert found.tolist() == [[8, 8, 16, 18], [2, 2, 6, 7]]
    from pyarrow import csv, parquet

    parquet.write_table(csv.read_csv(tmp_path / "boxes.csv"), tmp_path / "boxes.parquet")
    assert GivenBoxes.read(tmp_path / "boxes.parquet").key == given.key
    (tmp_path / "bad.csv").write_text("path,x0,y0,x1\na,0,0,2\n")
    (tmp_path / "text.csv").write_text("path,x0,y0,x1,y1\na,0,0,2,high\n")
    np.savez(tmp_path / "bad.npz", ids=np.array(["a"]), boxes=np.zeros((2, 4)))
    for name, words in (
        ("bad.csv", "expected a table with columns path"), ("text.csv", "numbers in x0"), ("none.csv", "none.csv"),
        ("bad.npz", "1 names and boxes of shape"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            GivenBoxes.read(tmp_path / name)
    with pytest.raises(InputError, match="a number that is none, of a"):
        GivenBoxes({"a": np.array([[0, 0, np.nan, 2]])})


def test_other_heads_are_given_no_proposals(parts, tmp_path):
    with pytest.raises(InputError, match="Only fast_rcnn is given its proposals"):
        train(*parts, out=tmp_path / "run", proposals=GivenBoxes({}), **{**SMALL, "head": "fcos"})
    levels, info = levels_of(count=2)
    with pytest.raises(InputError, match="those of 1 pictures"):
        FastRCNN(info, 2).predict(levels, SIZE, [torch.zeros(0, 4)])
