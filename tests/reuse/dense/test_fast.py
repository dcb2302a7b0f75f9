"""Stages run by torch are the model to the last bit; OpenVINO finds the same, or torch stands in and says why."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.dense import dense_run
from regard.core.checks import InputError, RunError
from regard.data.imageset import ImageSet
from regard.representation import openvino_library
from regard.reuse.dense import fast, openvino
from regard.reuse.dense.fast import runner_for
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.scoring import score
from regard.reuse.dense.stages import by_torch

KINDS = [("boxes", "faster_rcnn"), ("boxes", "fcos"), ("masks", "mask_rcnn"), ("semantic", "fcn")]
ids = [kind for _, kind in KINDS]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dense")
    return {kind: DenseModel.load(dense_run(folder / kind, what, kind)) for what, kind in KINDS}


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:60, 0:80]
    made = []
    for _ in range(5):
        a, b, c = rng.uniform(3, 20, 3)
        waves = np.stack([np.sin(x / a + y / b), np.cos(y / c), np.sin(x * y / 90 / a)], -1)
        made.append((waves * 100 + 128).astype(np.uint8))
    return ImageSet(made, np.array(list("abcde")))


def same(a, b):
    for one, other in zip(a, b, strict=True):
        for name in ("boxes", "scores", "classes", "masks", "semantic"):
            mine, its = getattr(one, name), getattr(other, name)
            assert (mine is None and its is None) or torch.equal(mine, its), name


@pytest.mark.parametrize("kind", ids)
def test_stages_in_torch_are_the_model(models, pictures, kind):
    model = models[kind]
    staged = by_torch(model.encoder, model.head)
    plain = list(model.predict(pictures, batch=2))
    same(plain, replace(model, runner=staged).predict(pictures, batch=2))
    assert kind == "fcn" or sum(int((one.scores > 0.3).sum()) for one in plain) > 10


@pytest.mark.parametrize("kind", ids)
def test_in_fp32_openvino_finds_the_same(models, pictures, kind):
    model = models[kind]
    runner = runner_for(model, pictures, "fp32", batch=3)
    assert runner.name == "openvino fp32" and runner.note == "" and runner.alike is not None
    assert runner.alike.pictures == 5 and runner.alike.good and runner.alike.cosine > 0.99999
    found = list(replace(model, runner=runner.run).predict(pictures, batch=3))
    for one, other in zip(model.predict(pictures, batch=3), found, strict=True):
        if one.semantic is not None:
            assert (one.semantic == other.semantic).float().mean() > 0.999
        else:
            sure = int((one.scores > 0.3).sum())
            apart = (one.boxes[:sure, None] - other.boxes[None]).abs().amax(2)
            assert apart.min(1).values.max() < 0.5
    # one alone, which is filled up, and more than go in at once
    same(replace(model, runner=runner.run).predict(pictures.subset([1]), batch=3), [_row(found[1], 0)])
    assert len(list(replace(model, runner=runner.run).predict(pictures, batch=5))) == 5


def _row(answer, row):
    return type(answer)(**{**vars(answer), "row": row})


def test_scores_are_told_of_the_way_that_ran(models, parts_of_scenes):
    model = models["faster_rcnn"]
    asked = []
    exact = by_torch(model.encoder, model.head)

    def counting(x):
        asked.append(len(x))
        return exact(x)

    assert (
        score(replace(model, runner=counting), parts_of_scenes, batch=2).metrics
        == score(model, parts_of_scenes).metrics
    )
    assert asked == [2, 1]


@pytest.fixture
def parts_of_scenes():
    from regard.data.scenes import scenes

    return scenes(3, size=64, seed=3, classes=("box", "cone"))


def departing(monkeypatch, *ways):
    """OpenVINO finds something else in these ways."""
    true = fast.compared

    def compared(exact, other, cosine=1.0):
        return true(exact, exact, cosine if asked[-1] not in ways else 0.5)

    asked = []
    making = openvino.in_openvino

    def in_openvino(model, batch, way):
        asked.append(way)
        return making(model, batch, way)

    monkeypatch.setattr(fast, "compared", compared)
    monkeypatch.setattr(openvino, "in_openvino", in_openvino)


@pytest.mark.parametrize(
    ("ways", "name"),
    [
        (("bf16",), "openvino bf16, head in fp32"),
        (("bf16", "bf16, head in fp32"), "openvino fp32"),
        (("bf16", "bf16, head in fp32", "fp32"), "torch fp32 on cpu"),
    ],
)
def test_what_departs_is_not_used_and_the_note_says_so(models, pictures, monkeypatch, ways, name):
    monkeypatch.setattr(openvino_library, "has_bf16", lambda: True)
    departing(monkeypatch, *ways)
    runner = runner_for(models["fcos"], pictures.subset([0, 1]), "auto", batch=2)
    assert runner.name == name and runner.note.count("departs from torch") == len(ways)
    assert f"OpenVINO in {ways[-1]} departs" in runner.note
    assert name != "torch fp32 on cpu" or torch.equal(
        next(replace(models["fcos"], runner=runner.run).predict(pictures)).boxes,
        next(models["fcos"].predict(pictures)).boxes,
    )


def test_what_departed_is_not_tried_again(models, pictures, monkeypatch, own_cache):
    (own_cache / "openvino").unlink()
    monkeypatch.setattr(openvino_library, "has_bf16", lambda: True)
    model, one = models["fcn"], pictures.subset([0])
    departing(monkeypatch, "bf16")
    assert runner_for(model, one, batch=1).name == "openvino bf16, head in fp32"
    monkeypatch.undo()
    monkeypatch.setenv("REGARD_CACHE", str(own_cache))
    monkeypatch.setattr(openvino_library, "has_bf16", lambda: True)
    assert openvino.departed(model) == ["bf16"]
    again = runner_for(model, one, batch=1)
    assert again.name != "openvino bf16" and "in bf16 departs from torch" in again.note
    memory = next((own_cache / "openvino").rglob("dense-*.json"))
    for damaged in ('{"departed": 3}', "[1]", "{", '{"departed": ["bf17"]}'):
        memory.write_text(damaged)
        assert openvino.departed(model) == []


def test_a_network_that_openvino_cannot_convert_is_run_by_torch(models, pictures, monkeypatch):
    def refuse(*_):
        raise RunError("OpenVINO cannot convert stage 'first': no such operator")

    monkeypatch.setattr(openvino, "in_openvino", refuse)
    runner = runner_for(models["fcn"], pictures, "fp32")
    assert runner.name == "torch fp32 on cpu" and "no such operator" in runner.note and runner.alike is None


def test_a_head_that_is_not_taken_apart_runs_in_torch(models, pictures, monkeypatch):
    monkeypatch.setattr(fast, "in_stages", lambda head: False)
    runner = runner_for(models["fcos"], pictures)
    assert runner.name == "torch fp32 on cpu" and "fcos is not taken apart" in runner.note
    same(replace(models["fcos"], runner=runner.run).predict(pictures), models["fcos"].predict(pictures))
    with pytest.raises(InputError, match="--precision: expected auto or fp32, got bf16 for fcos"):
        runner_for(models["fcos"], pictures, "bf16")


def test_bf16_is_refused_where_it_cannot_be(models, pictures, monkeypatch):
    monkeypatch.setattr(openvino_library, "has_bf16", lambda: False)
    with pytest.raises(InputError, match="--precision: expected a precision that this processor has, got bf16"):
        runner_for(models["fcos"], pictures, "bf16")
    monkeypatch.setattr(openvino_library, "has_bf16", lambda: True)
    departing(monkeypatch, "bf16", "bf16, head in fp32")
    with pytest.raises(InputError, match="--precision: expected a precision in which this model finds the same"):
        runner_for(models["fcos"], pictures.subset([0]), "bf16", batch=1)
    with pytest.raises(InputError, match="--precision: expected one of auto, bf16, fp32"):
        runner_for(models["fcos"], pictures, "int8")


def test_pictures_that_cannot_be_read_do_not_stop_the_choice(models):
    unread = ImageSet([b"no picture"], np.array(["x"]))
    assert runner_for(models["fcos"], unread, "fp32", batch=1).name == "openvino fp32"


def test_a_damaged_graph_in_the_cache_is_made_anew(models, pictures, own_cache):
    # its own folder: others share the one of traced networks
    (own_cache / "openvino").unlink()
    model, some = models["faster_rcnn"], pictures.subset([0, 1])
    exact = list(replace(model, runner=runner_for(model, some, "fp32", batch=2).run).predict(some, batch=2))
    kept = sorted((own_cache / "openvino").rglob("dense-*.bin"))
    assert [path.stem.rpartition("-")[2] for path in kept] == ["boxes", "first"]
    before = [path.read_bytes() for path in kept]
    for path in kept:
        path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    same(exact, replace(model, runner=runner_for(model, some, "fp32", batch=2).run).predict(some, batch=2))
    assert [path.read_bytes() for path in kept] == before
    kept[0].unlink()
    assert runner_for(model, some, "fp32", batch=2).name == "openvino fp32"


def test_other_weights_have_other_graphs(models, tmp_path):
    model = models["fcn"]
    key = openvino.key_of(model)
    other = DenseModel.load(dense_run(tmp_path / "other", "semantic", "fcn"))
    assert openvino.key_of(other) == key
    with torch.no_grad():
        other.head.inner.layers.score.bias += 1e-3
    assert openvino.key_of(other) != key
