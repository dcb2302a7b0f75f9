"""Dense trainings that begin with a part of another's weights, or with a finished run."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.core.checks import InputError
from regard.core.storage import load_tensors
from regard.data.scenes import scenes
from regard.learning.settings import TrainSettings
from regard.representation.representation import Representation
from regard.reuse.dense.beginning import beginning, head_from
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.objective import Dense
from regard.reuse.dense.train import train, train_events

SETTINGS = TrainSettings(steps=4, batch=4, precision="fp32", device="cpu", checkpoint_steps=2, eval_every=4)
NAMES = ("box", "cone", "sphere")


@pytest.fixture(scope="module")
def parts():
    every = scenes(14, size=64, seed=3)
    return every.subset(np.arange(8)), every.subset(np.arange(8, 14))


@pytest.fixture(scope="module")
def finished(parts, tmp_path_factory):
    out = tmp_path_factory.mktemp("before") / "run"
    train(*parts, out=out, representation="random:convnet4", what="boxes", size=64, settings=SETTINGS)
    return out


def heads(kind, what, names=NAMES, seed=0, **more):
    """A model that has learned nothing, with a head of its own."""
    encoder = Representation.load("random:convnet4").encoder
    objective = Dense(what, kind, 64, names, **more)
    torch.manual_seed(seed)
    return DenseModel(objective, encoder, objective.head(encoder))


@pytest.mark.parametrize(
    ("kind", "what", "outputs"),
    [
        ("faster_rcnn", "boxes", {"box_head.predictor.cls_score": (1, 1), "box_head.predictor.bbox_pred": (1, 4)}),
        ("mask_rcnn", "masks", {"box_head.predictor.cls_score": (1, 1), "mask_branch.layers.6": (0, 1)}),
        ("fcos", "boxes", {"score": (0, 1)}),
        ("linear", "semantic", {"layers.score.0": (0, 1), "layers.score.3": (0, 1)}),
        ("deeplab", "semantic", {"layers.score": (0, 1)}),
    ],
)
def test_outputs_go_by_the_names_of_their_classes(kind, what, outputs):
    with torch.random.fork_rng():
        before = heads(kind, what, seed=1)
        after = heads(kind, what, ("ring", "sphere", "box"), seed=2)
    fresh = {name: value.clone() for name, value in after.head.state_dict().items()}
    report = head_from(before, "before", after.objective, after.head)
    old, new = before.head.state_dict(), after.head.state_dict()
    left = dict(report.left)
    for part, (first, each) in outputs.items():
        name = f"inner.{part}.weight"
        assert left[name] == "the outputs of ring", left
        rows = {place: slice(first + place * each, first + (place + 1) * each) for place in range(-1, 3)}
        if first:
            rows = {place: slice((first + place) * each, (first + place + 1) * each) for place in range(-1, 3)}
            assert torch.equal(new[name][rows[-1]], old[name][rows[-1]]), "the background"
        assert torch.equal(new[name][rows[0]], fresh[name][rows[0]])
        assert torch.equal(new[name][rows[1]], old[name][rows[2]]) and torch.equal(
            new[name][rows[2]], old[name][rows[0]]
        )
    assert set(left.values()) == {"the outputs of ring"} and set(left) | set(report.taken) == set(new)
    assert all(torch.equal(new[name], old[name]) for name in report.taken) and 0.3 < report.share < 1


def test_the_same_classes_give_the_same_head_and_another_kind_a_new_one():
    with torch.random.fork_rng():
        before, after, other = (
            heads("faster_rcnn", "boxes"),
            heads("faster_rcnn", "boxes", seed=4),
            heads("fcos", "boxes"),
        )
        masks = heads("mask_rcnn", "masks", seed=5)
        state = torch.random.get_rng_state()
        report = head_from(before, "before", after.objective, after.head)
        assert torch.equal(torch.random.get_rng_state(), state)
    assert report.share == 1 and not report.left
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = [one.head.inner.predict(one.head.levels(x), 64) for one in (before, after)]
    assert all(torch.equal(a.boxes, b.boxes) and torch.equal(a.scores, b.scores) for a, b in zip(*found, strict=True))
    none = head_from(before, "before", other.objective, other.head)
    assert none.share == 0 and not none.taken and {why for _, why in none.left} == {"fcos, there faster_rcnn"}
    # a mask branch more: all but that is taken
    report = head_from(before, "before", masks.objective, masks.head)
    assert {name.split(".")[1] for name, _ in report.left} == {"mask_branch"}


def test_a_run_goes_on_from_a_finished_one(parts, finished, tmp_path):
    before = DenseModel.load(finished)
    begun = beginning("imagenet", from_run=finished)
    # with a rate of nearly nothing it is what it was, at the run's size and with its head and anchors
    still = replace(SETTINGS, steps=1, lr=1e-12, eval_every=None, checkpoint_steps=None)
    model = train(*parts, out=tmp_path / "on", from_run=finished, augment=False, layers="head", settings=still)
    assert model.objective == replace(before.objective, augment=False)
    for a, b in zip(before.predict(parts[1]), model.predict(parts[1]), strict=True):
        torch.testing.assert_close(a.boxes, b.boxes, atol=1e-3, rtol=0)
        torch.testing.assert_close(a.scores, b.scores, atol=1e-5, rtol=0)
        assert torch.equal(a.classes, b.classes)
    card = json.loads((tmp_path / "on/card.json").read_text())
    assert card["parent"]["fingerprint"] == begun.start.fingerprint and card["begun_with"]["head"]["share"] == 1
    assert card["name"] == begun.start.name
    notes = json.loads((tmp_path / "on/scores.json").read_text())["notes"]
    assert any(note.startswith("head: ") and "100.0 % of the numbers" in note for note in notes)
    # other classes, another kind
    fewer = beginning("imagenet", from_run=finished)
    assert fewer.settled("boxes", None, None, "faster_rcnn") == ("faster_rcnn", 64)
    assert fewer.settled("semantic", None, 96, "linear") == ("linear", 96) and fewer.anchors("linear") is None


def test_a_run_with_a_part_of_anothers_weights_stops_and_goes_on_the_same(parts, finished, tmp_path):
    options = {"representation": "random:convnet4:5", "init_from": finished, "init_layers": "..blocks.1"}
    options |= {"what": "semantic", "head": "linear", "size": 64, "layers": "head", "settings": SETTINGS}
    train(*parts, out=tmp_path / "whole", **options)
    events = train_events(*parts, out=tmp_path / "cut", **options)
    for event in events:
        if event.kind == "checkpoint" and event.step == 2:
            break
    events.close()
    train(*parts, out=tmp_path / "cut", **options)
    for file in ("model.safetensors", "head.safetensors"):
        whole, cut = load_tensors(tmp_path / "whole" / file), load_tensors(tmp_path / "cut" / file)
        assert all(torch.equal(whole[name], cut[name]) for name in whole)
    # frozen: what was taken, and what was fresh
    source, fresh = load_tensors(finished / "model.safetensors"), Representation.load("random:convnet4:5")
    for name, value in load_tensors(tmp_path / "whole/model.safetensors").items():
        own = fresh.encoder.network.state_dict()[name]
        assert torch.equal(value, source[name] if name.startswith(("blocks.0", "blocks.1")) else own), name
    card = json.loads((tmp_path / "whole/card.json").read_text())
    told = card["begun_with"]["network"]
    assert told["source"] == Representation.load(finished).name and 0 < told["share"] < 1
    assert card["parent"]["fingerprint"] == fresh.fingerprint
    with pytest.raises(InputError, match=r"init_layers was \.\.blocks\.1, now \.\.blocks\.2"):
        train(*parts, out=tmp_path / "cut", **options | {"init_layers": "..blocks.2"})


def test_what_cannot_be_is_told(finished, tmp_path):
    for options, words in (
        ({"from_run": finished, "init_from": "random:convnet4"}, "--from: expected a run alone"),
        ({"init_layers": "blocks.0"}, "--init-layers: expected --init-from beside it"),
        ({"init_from": "random:resnet18"}, "--init-from: expected tensors of the network's names and shapes"),
        ({"init_from": finished, "init_layers": "blocks.9"}, "--init-layers: expected one of"),
    ):
        with pytest.raises(InputError, match=words):
            beginning("random:convnet4" if "from_run" not in options else "imagenet", **options)
    with pytest.raises(InputError, match="--from: expected a run alone"):
        beginning("random:convnet4", from_run=finished)
    Representation.load("random:convnet4").save(tmp_path / "plain")
    with pytest.raises(InputError, match="a folder of a dense task"):
        beginning("imagenet", from_run=tmp_path / "plain")
