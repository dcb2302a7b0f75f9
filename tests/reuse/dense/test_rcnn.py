"""R-CNN of 2014: its parts against plain computations, and a whole run on rendered scenes."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from regard.core.checks import InputError
from regard.data.annotations.boxes import Boxes
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.imageset import ImageSet
from regard.data.scenes import scenes
from regard.representation.representation import Representation
from regard.reuse.dense.box_ridge import moved, moves, ridge
from regard.reuse.dense.feed import DenseFeed
from regard.reuse.dense.given_boxes import GivenBoxes
from regard.reuse.dense.hard_negatives import SvmSettings, mined, scored, svm
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.objects import Known
from regard.reuse.dense.rcnn import Rcnn, RcnnModel
from regard.reuse.dense.rcnn_seen import background_of, near_of, pictures
from regard.reuse.dense.rcnn_train import train_rcnn, train_rcnn_events
from regard.reuse.dense.region_vectors import RegionVectors, warped
from regard.reuse.dense.scoring import score
from regard.reuse.dense.selective_search import Searched, SelectiveSearch

SEARCH = SelectiveSearch(most=120, spaces=("hsv", "lab"), scales=(100.0,))
SMALL = {"size": 64, "crop": 64, "search": SEARCH, "precision": "fp32"}


@pytest.fixture(scope="module")
def parts():
    every = scenes(26, size=64, seed=5)
    return every.subset(np.arange(18)), every.subset(np.arange(18, 26))


@pytest.fixture(scope="module")
def trained(parts, tmp_path_factory):
    out = tmp_path_factory.mktemp("rcnn") / "run"
    return train_rcnn(*parts, out=out, **SMALL), out


def clouds(seed=0, objects=60, far=3000, near=200):
    """Objects, and negatives of which few lie near them."""
    rng = np.random.default_rng(seed)
    positive = rng.normal([3, 3, 0], 1, (objects, 3))
    negative = np.concatenate([rng.normal([-9, -9, 0], 1.5, (far, 3)), rng.normal([3, -1, 0], 1, (near, 3))])
    return positive.astype(np.float32), negative.astype(np.float32)


def test_what_is_mined_is_the_svm_of_all_negatives_where_the_first_ones_are_not():
    positive, negative = clouds()
    settings = SvmSettings(c=0.1, passes=6, first=1, most=40)
    background = np.ones((len(negative), 1), dtype=bool)
    steps = list(mined(positive, np.zeros(60, int), negative, background, settings))
    weights, bias = svm(positive, negative, settings)
    right = negative @ weights + bias
    first, last = (scored(negative, one)[:, 0] for one in (steps[0], steps[-1]))
    assert abs(last - right).max() < 0.05 < abs(first - right).max()
    hard = right > -1
    assert (first[hard] > 0).mean() > (last[hard] > 0).mean() + 0.2
    assert steps[-1].came[0] == [0] and sum(map(sum, steps[-1].came)) >= 40  # the hardest are enough
    assert steps[-1].negatives[-1][0] < len(negative) / 10
    again = list(mined(positive, np.zeros(60, int), negative, background, settings))
    assert (again[-1].weights == steps[-1].weights).all()
    (alone,) = mined(positive, np.zeros(60, int), negative, background, replace(settings, passes=0))
    assert (alone.weights == steps[0].weights).all()


def test_vectors_times_a_scale_and_rows_that_may_not_stand_for_background():
    positive, negative = clouds(1)
    settings, kinds = SvmSettings(c=0.1), np.zeros(60, int)
    background = np.ones((len(negative), 1), dtype=bool)
    *_, plain = mined(positive * 3, kinds, negative * 3, background, settings)
    *_, scaled = mined(positive, kinds, negative, background, settings, 3.0)
    np.testing.assert_allclose(scaled.weights, plain.weights, rtol=0.02, atol=0.02)
    background[3000:] = False
    *_, without = mined(positive, kinds, negative, background, settings)
    assert (scored(negative[3000:], without) > 0).mean() > 0.5 > (scored(negative[3000:], scaled, 3.0) > 0).mean()


def test_a_class_without_objects_or_without_background_has_one_margin():
    positive, negative = clouds(2)
    kinds = np.repeat([0, 2], 30)
    background = np.ones((len(negative), 3), dtype=bool)
    background[:, 2] = False
    *_, found = mined(positive, kinds, negative, background, SvmSettings(c=0.1))
    margins = scored(negative, found)
    assert (margins[:, 1] == -20).all() and (margins[:, 2] == 0).all() and np.ptp(margins[:, 0]) > 1
    *_, none = mined(positive, kinds, negative[:0], background[:0], SvmSettings())
    assert none.bias.tolist() == [0, -20, 0]


@pytest.mark.parametrize("shape", [(40, 6), (5, 30)])
def test_regression_is_ridge(shape):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=shape) + 1, rng.normal(size=(shape[0], 4)) + 2
    weights, bias = ridge(x, t, 3.0)
    right = Ridge(3.0).fit(x, t)
    np.testing.assert_allclose(weights, right.coef_.T, atol=1e-8)
    np.testing.assert_allclose(bias, right.intercept_, atol=1e-8)
    weights, bias = ridge(x[:0], t[:0], 3.0)
    assert weights.shape == (shape[1], 4) and not weights.any() and not bias.any()


def test_moves_are_the_papers():
    boxes, right = torch.tensor([[0.0, 0, 10, 20]]), torch.tensor([[5.0, 10, 25, 20]])
    np.testing.assert_allclose(moves(boxes, right), [[1.0, 0.25, np.log(2), np.log(0.5)]], atol=1e-12)
    torch.testing.assert_close(moved(boxes, moves(boxes, right)), right)
    assert moved(torch.zeros(0, 4), np.zeros((0, 4))).shape == (0, 4)


def test_what_is_background_and_what_lies_near():
    known = Known(
        torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]]),
        torch.tensor([0, 1]),
        torch.tensor([[40.0, 40, 60, 60]]),
        None,
    )
    beside = [[20.0, 20, 30, 31], [41, 41, 45, 45], [40, 40, 60, 47], [80, 80, 90, 90]]
    proposals = torch.tensor([[0.0, 0, 10, down] for down in (10, 7, 4, 2)] + beside)
    found = background_of(proposals, known, 3)
    assert found[:, 0].tolist() == [False, False, False, True, True, False, False, True]
    assert found[:, 1].tolist() == [True, True, True, True, False, False, False, True]
    assert found[:, 2].tolist() == [True, True, True, True, True, False, False, True]
    near = near_of(proposals, known, 3)
    assert [(rows.tolist(), place.tolist()) for rows, place in near] == [([0, 1], [0, 0]), ([4], [1]), ([], [])]
    nothing = Known(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0, 4), None)
    assert background_of(proposals, nothing, 2).all() and near_of(proposals, nothing, 2)[0][0].size == 0


def test_parts_are_cut_out_exactly_with_what_is_around_and_filled_up_beyond():
    square = torch.randint(0, 256, (3, 40, 40), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    box = torch.tensor([[8.0, 10, 24, 26]])
    (whole,) = warped(square, box, (16, 16), 0.0, (0, 0, 0))
    assert torch.equal(whole, square[:, 10:26, 8:24])
    (around,) = warped(square, box, (32, 32), 0.25, (0, 0, 0))
    assert torch.equal(around, square[:, 2:34, 0:32])
    (half,) = warped(square, box, (8, 8), 0.0, (0, 0, 0))
    right = square[:, 10:26, 8:24].float().unflatten(1, (8, 2)).unflatten(3, (8, 2)).mean((2, 4)).round()
    assert (half.float() - right).abs().max() <= 1
    (beyond,) = warped(square, torch.tensor([[-20.0, -20, 20, 20]]), (40, 40), 0.0, (1.0, 0.5, 0.0))
    assert (beyond[:, :18, :18].float() - torch.tensor([255.0, 127.5, 0])[:, None, None]).abs().max() <= 1
    assert torch.equal(beyond[:, 21:, 21:], square[:, 1:20, 1:20])
    assert warped(square, torch.zeros(0, 4), (8, 8), 0.1, (0, 0, 0)).shape == (0, 3, 8, 8)


def test_vectors_are_those_of_the_parts_alone_in_their_order(rep):
    looking = RegionVectors(rep, size=32, batch=4, precision="fp32")
    draw = torch.Generator().manual_seed(0)
    given = []
    for count in (5, 0, 4, 1):
        low = 40 * torch.rand(count, 2, generator=draw)
        square = torch.randint(0, 256, (3, 64, 64), generator=draw, dtype=torch.uint8)
        given.append((count, square, torch.cat([low, low + 20], 1)))
    found = list(looking(iter(given)))
    assert [(tag, len(one)) for tag, one in found] == [(5, 5), (0, 0), (4, 4), (1, 1)]
    for (_, square, boxes), (_, vectors) in zip(given, found):
        parts = warped(square, boxes, (32, 32), 0.07, looking.colour)
        with torch.no_grad():
            right = rep.encoder.pooled(parts.float() / 255).numpy() if len(boxes) else vectors
        np.testing.assert_allclose(vectors, right, atol=1e-3)


def test_scenes_are_learned_and_read_elsewhere(parts, trained, tmp_path):
    model, out = trained
    found = score(model, parts[1])
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["ap50"] == found.metrics["ap50"] > 0.2
    assert metrics["train"] == 18 and metrics["val"] == 8 and metrics["hard_negatives"] > 0
    told = json.loads((out / "learned.json").read_text())["pictures"]
    assert len(told) == 18 and set(told) == set(json.loads((out / "scores.json").read_text())["learned"])
    shutil.copytree(out, tmp_path / "elsewhere")
    other = RcnnModel.load(tmp_path / "elsewhere", precision="fp32")
    assert other.objective == model.objective and other.objective.what == "boxes"
    again = other.save(tmp_path / "again")
    third = RcnnModel.load(again, precision="fp32")
    for a, b, c in zip(*(one.predict(parts[1]) for one in (model, other, third)), strict=True):
        assert len(a.boxes) and (a.scores.diff() <= 0).all()
        for name in ("row", "size"):
            assert getattr(a, name) == getattr(b, name)
        for name in ("boxes", "scores", "classes"):
            assert torch.equal(getattr(a, name), getattr(b, name)) and torch.equal(getattr(a, name), getattr(c, name))
    (ended,) = train_rcnn_events(*parts, out=out, **SMALL)
    assert ended.kind == "done" and ended.values["ap50"] == metrics["ap50"]
    with pytest.raises(InputError, match="other settings: penalty was 1000.0"):
        list(train_rcnn_events(*parts, out=out, **{**SMALL, "penalty": 10.0}))


def test_boxes_near_the_objects_that_were_learned_from_are_put_right(parts, trained):
    model, _ = trained
    feed = DenseFeed(parts[0], 64, model.objective.names, model.objective.colour, proposals=Searched(SEARCH))
    before, after, others = [], [], []
    count = len(model.objective.names)
    for (known, proposals), vectors in model.looking()(pictures(feed)):
        for kind, (rows, place) in enumerate(near_of(proposals, known, count)):
            own, right = vectors[len(known.boxes) :][rows] * model.scale, moves(proposals[rows], known.boxes[place])
            error = [right - own @ model.moves[one] - model.moved[one] for one in (kind, (kind + 1) % count)]
            for made, value in zip((before, after, others), (right, *error)):
                made.append((value**2).sum(1))
    before, after, others = (np.concatenate(one).mean() for one in (before, after, others))
    assert after < 0.8 * before and after < 0.9 * others


def test_a_class_without_objects_one_class_and_pictures_without_any_are_learned_from(parts, tmp_path):
    learned, val = parts
    few = learned.subset(np.arange(3))
    empty = Boxes(np.zeros((0, 4)), np.zeros(0, dtype=str))
    boxes = Boxes(np.array([[4.0, 4, 40, 30]]), np.array(["thing"]))
    carried = [Annotations((64, 64), boxes), Annotations((64, 64), empty), Annotations((1, 1), empty)]
    items = [few.items[0], few.items[1][..., 0], np.full((1, 1), 9, np.uint8)]
    images = ImageSet(items, np.array(["a", "grey", "tiny"]), annotations=Rows.of(Listed(carried, ("thing", "other"))))
    scored_on = ImageSet([few.items[2]], np.array(["c"]), annotations=Rows.of(Listed([carried[0]])))
    options = {**SMALL, "representation": "random:convnet4", "crop": 32}
    model = train_rcnn(images, scored_on, out=tmp_path / "run", classes=("thing", "other"), **options)
    answers = list(model.predict(images))
    assert [one.size for one in answers] == [(64, 64), (64, 64), (1, 1)]
    assert all((one.classes == 0).all() for one in answers) and len(answers[0].boxes)
    notes = json.loads((tmp_path / "run/scores.json").read_text())["notes"]
    assert any("'other' to learn from: it is never found" in one for one in notes)
    given = GivenBoxes({"a": np.array([[4, 4, 40, 30]])})
    failed = {}
    found = list(RcnnModel.load(tmp_path / "run", given).predict(images, failed=failed))
    assert [one.row for one in found] == [0] and set(failed) == {"grey", "tiny"} and len(found[0].boxes) <= 1


def test_what_cannot_be_is_told(parts, trained, tmp_path):
    learned, val = parts
    with pytest.raises(InputError, match="without annotations"):
        train_rcnn(learned.without_labels(), val, out=tmp_path / "run", **SMALL)
    with pytest.raises(InputError, match="learned from too"):
        train_rcnn(learned, learned.subset(np.arange(2)), out=tmp_path / "run", **SMALL)
    empty = Annotations((64, 64), Boxes(np.zeros((0, 4)), np.zeros(0, dtype=str)))
    none = ImageSet([learned.items[0]], np.array(["a"]), annotations=Rows.of(Listed([empty], ("thing",))))
    options = {**SMALL, "representation": "random:convnet4"}
    with pytest.raises(InputError, match="shows an object that counts"):
        train_rcnn(none, val, out=tmp_path / "run", **options)
    assert not (tmp_path / "run/card.json").exists()
    for settings, words in (({"names": ()}, "names"), ({"context": 0.5}, "context"), ({"crop": 2}, "crop")):
        with pytest.raises(InputError, match=words):
            Rcnn(**{"names": ("a",), **settings})
    with pytest.raises(InputError, match="easy"):
        SvmSettings(easy=0.0)
    model, out = trained
    with pytest.raises(InputError, match="a folder of a dense task"):
        DenseModel.load(out)
    Representation.load("random:convnet4").save(tmp_path / "plain")
    with pytest.raises(InputError, match="a folder of R-CNN"):
        RcnnModel.load(tmp_path / "plain")
    shutil.copytree(out, tmp_path / "bad")
    head = tmp_path / "bad/head.safetensors"
    head.write_bytes(head.read_bytes()[:-4] + b"abcd")
    with pytest.raises(InputError, match="head.safetensors: expected the file that the training wrote"):
        RcnnModel.load(tmp_path / "bad")


def test_vectors_have_a_mean_norm_of_20(parts, trained):
    model, _ = trained
    feed = DenseFeed(parts[0], 64, model.objective.names, model.objective.colour, proposals=Searched(SEARCH))
    norms = [np.linalg.norm(one * model.scale, axis=1) for _, one in model.looking()(pictures(feed))]
    assert np.concatenate(norms).mean() == pytest.approx(20, rel=1e-3)
