"""A whole run of a dense task on rendered scenes: it learns, is read elsewhere, goes on after a stop, and is scored."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.core.checks import InputError
from regard.data.annotations.boxes import Boxes
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.imageset import ImageSet
from regard.data.scenes import scenes
from regard.learning.settings import TrainSettings
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.scoring import score
from regard.reuse.dense.train import train, train_events

SETTINGS = TrainSettings(steps=6, batch=4, lr=2e-3, precision="fp32", device="cpu", checkpoint_steps=2, eval_every=6)
SMALL = {"representation": "random:convnet4", "size": 64, "settings": SETTINGS}
WHAT = [("boxes", None), ("boxes", "fcos"), ("masks", None), ("semantic", "fcn")]


@pytest.fixture(scope="module")
def parts():
    every = scenes(14, size=64, seed=3)
    return every.subset(np.arange(8)), every.subset(np.arange(8, 14))


@pytest.mark.parametrize(("what", "head"), WHAT)
def test_a_run_goes_on_to_the_same_numbers_and_is_read_elsewhere(parts, tmp_path, what, head) -> None:
    options = {**SMALL, "what": what, "head": head}
    whole = train(*parts, out=tmp_path / "whole", **options)
    events = train_events(*parts, out=tmp_path / "stopped", **options)
    for event in events:
        if event.kind == "checkpoint" and event.step == 4:
            break
    events.close()
    assert not (tmp_path / "stopped/card.json").exists()
    train(*parts, out=tmp_path / "stopped", **options)
    shutil.move(tmp_path / "stopped", tmp_path / "elsewhere")
    moved = DenseModel.load(tmp_path / "elsewhere")
    assert moved.objective == whole.objective
    for a, b in zip(whole.predict(parts[1]), moved.predict(parts[1]), strict=True):
        assert a.row == b.row and a.size == b.size == (64, 64)
        for name in ("boxes", "scores", "classes", "masks", "semantic"):
            mine, its = getattr(a, name), getattr(b, name)
            assert (mine is None and its is None) or torch.equal(mine, its), name
    metrics = json.loads((tmp_path / "whole/metrics.json").read_text())
    wanted = {"boxes": "ap50", "masks": "mask_ap50", "semantic": "miou"}[what]
    found = score(whole, parts[1])
    assert metrics[wanted] == found.metrics[wanted] and metrics["train"] == 8 and metrics["val"] == 6


@pytest.mark.slow
def test_what_is_learned_by_heart_is_found(parts, tmp_path) -> None:
    settings = replace(SETTINGS, steps=120, lr=3e-3, eval_every=120, checkpoint_steps=None)
    few = parts[0]
    start = "random:timm:test_resnet"
    options = {"representation": start, "size": 64, "backbone_lr_factor": 1.0, "augment": False, "settings": settings}
    pixels = train(few, parts[1], out=tmp_path / "semantic", what="semantic", **options)
    assert score(pixels, few).metrics["miou"] > 0.6 > score(pixels, parts[1]).metrics["miou"]
    boxes = train(few, parts[1], out=tmp_path / "boxes", what="boxes", **options)
    found = score(boxes, few)
    assert (
        found.metrics["ap50"] > 0.5 and found.metrics["ap50_low"] <= found.metrics["ap50"] <= found.metrics["ap50_high"]
    )
    assert set(found.by_class) == set(boxes.objective.names) and found.images == 8


def test_boxes_are_told_in_the_pixels_of_each_picture(parts, tmp_path) -> None:
    model = train(*parts, out=tmp_path / "run", **SMALL, what="boxes")
    wide = ImageSet([np.zeros((100, 300, 3), np.uint8), np.full((300, 50, 3), 200, np.uint8)], np.array(["a", "b"]))
    for answer in model.predict(wide):
        height, width = answer.size
        assert (height, width) == [(100, 300), (300, 50)][answer.row]
        assert (
            (answer.boxes >= 0).all() and (answer.boxes[:, 2] <= width).all() and (answer.boxes[:, 3] <= height).all()
        )


def test_what_cannot_be_is_told(parts, tmp_path) -> None:
    learned, val = parts
    for change, words in (
        ({"what": "boxs"}, "Did you mean 'boxes'"),
        ({"head": "fcn"}, "head: expected one of faster_rcnn, fcos"),
        ({"keep": "first"}, "--keep"),
        ({"size": 8}, "size"),
    ):
        with pytest.raises(InputError, match=words):
            train(learned, val, out=tmp_path / "run", **{**SMALL, **change})
    with pytest.raises(InputError, match="2 picture.s. that are learned from too"):
        train(learned, learned.subset(np.arange(2)), out=tmp_path / "run", **SMALL)
    with pytest.raises(InputError, match="without annotations"):
        train(learned.without_labels(), val, out=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else_and_changed_weights_are_named(parts, tmp_path) -> None:
    from regard.representation.representation import Representation

    Representation.load("random:convnet4").save(tmp_path / "plain")
    with pytest.raises(InputError, match="a folder of a dense task"):
        DenseModel.load(tmp_path / "plain")
    train(*parts, out=tmp_path / "run", **SMALL, what="semantic", head="linear")
    head = tmp_path / "run/head.safetensors"
    head.write_bytes(head.read_bytes()[:-4] + b"abcd")
    with pytest.raises(InputError, match="head.safetensors: expected the file that the training wrote"):
        DenseModel.load(tmp_path / "run")


def test_pictures_of_which_nothing_is_said_are_told_and_a_set_of_such_is_refused(parts, tmp_path) -> None:
    model = train(*parts, out=tmp_path / "run", **SMALL, what="boxes")
    empty = Boxes(np.zeros((0, 4)), np.zeros(0, dtype=str))
    carried = [Annotations((64, 64), empty), Annotations((64, 64)), parts[1].annotations[0]]
    images = ImageSet(
        [np.zeros((64, 64, 3), np.uint8)] * 2 + [parts[1].items[0]],
        np.array(["none there", "not said", "some"]),
        annotations=Rows.of(Listed(carried, model.objective.names)),
    )
    found = score(model, images)
    assert found.images == 2 and found.failed == {"not said": "nothing is said of its objects"}
    with pytest.raises(InputError, match="none of which can be scored"):
        score(model, images.subset(np.array([1])))
    assert score(model, images.subset(np.array([0]))).metrics["ap50"] is None
