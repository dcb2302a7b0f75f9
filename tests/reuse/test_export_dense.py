"""Dense runs as files: the letterbox inside is regard's, other runtimes find what torch finds, or it is refused."""

import json
import warnings

import numpy as np
import pytest
import torch

import regard
from helpers.dense import NAMES, dense_run
from regard.core.checks import InputError, RunError
from regard.core.storage import read_json
from regard.data.builtin import builtin
from regard.data.decode import decode
from regard.data.imageset import ImageSet
from regard.representation.openvino_library import core as openvino_core
from regard.reuse.dense.alike import Alike
from regard.reuse.dense.frame import Framed, colour_bytes
from regard.reuse.dense.model import DenseModel
from regard.reuse.export import dense_check, to_torchscript
from regard.reuse.export.dense_graph import DenseGraph
from regard.reuse.export.graph import frozen
from regard.reuse.export.letterbox import Letterbox
from regard.reuse.export.run import export

onnxruntime = pytest.importorskip("onnxruntime")
KINDS = {"faster_rcnn": "boxes", "fcos": "boxes", "mask_rcnn": "masks", "deeplab": "semantic"}
FILES = {"onnx": "m.onnx", "openvino": "m.xml", "torchscript": "m.pt"}
COLOUR = (0.485, 0.456, 0.406)


@pytest.fixture(scope="module")
def photo():
    return decode(builtin("photos").items[0])


@pytest.fixture(scope="module")
def few(photo):
    """Pictures of different sizes, one of which is blank: (h, w, 3) uint8."""
    whole = photo.permute(1, 2, 0).numpy()
    parts = (whole[:90, :120], whole[200:260, :50], whole[::8, ::8], np.zeros((40, 30, 3), np.uint8))
    return [np.ascontiguousarray(part) for part in parts]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dense")
    return {kind: dense_run(folder / kind, what, kind) for kind, what in KINDS.items()}


@pytest.fixture(scope="module")
def wanted(runs, few):
    return {kind: list(DenseModel.load(run).predict(as_set(few))) for kind, run in runs.items()}


def as_set(pictures):
    return ImageSet(pictures, np.array([str(row) for row in range(len(pictures))]))


def runtime(format_, path, outputs):
    """Run a file as somebody would who has no regard."""
    if format_ == "onnx":
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda x: session.run(list(outputs), {"images": x})
    if format_ == "openvino":
        compiled = openvino_core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

        def run(x):
            found = compiled({"images": x})
            return [found[name] for name in outputs]

        return run
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(path))
    return lambda x: [value.numpy() for value in module(torch.from_numpy(x))]


@pytest.mark.parametrize("size", [64, 100])
def test_the_letterbox_inside_is_that_of_regard(photo, size):
    box = Letterbox(size, COLOUR)
    shapes = ((37, 41), (64, 64), (100, 50), (5, 300), (300, 3), (1, 70), (63, 10), (101, 101), (129, 30), (2, 427))
    for picture in (photo, *(photo[:, :height, :width].contiguous() for height, width in shapes)):
        framed = Framed(picture.shape[1], picture.shape[2], size)
        apart = (box(picture[None])[0] - framed.picture(picture, colour_bytes(COLOUR)).float()).abs()
        # where it averages, weights are the same whole numbers; where it enlarges, rounding may fall the other way
        most = 1e-3 if max(picture.shape[1:]) > size else 0.02
        assert apart.max() <= 1 and (apart > 0).float().mean() < most, picture.shape


def test_what_is_told_goes_back_to_the_pictures_pixels():
    box, generator = Letterbox(64, COLOUR), torch.Generator().manual_seed(0)
    for height, width in ((37, 41), (64, 64), (300, 3), (1, 70), (130, 200)):
        blank, framed = torch.zeros(1, 3, height, width, dtype=torch.uint8), Framed(height, width, 64)
        values = torch.randint(0, 9, (2, 64, 64), generator=generator)
        assert torch.equal(box.map_out(values, blank), framed.map_out(values))
        boxes = torch.rand(20, 4, generator=generator) * 80 - 8
        assert box.boxes_out(boxes, blank).numpy() == pytest.approx(framed.boxes_out(boxes).numpy(), abs=1e-4)


@pytest.mark.parametrize("format_", FILES)
@pytest.mark.parametrize("kind", KINDS)
def test_other_runtimes_find_what_torch_finds(runs, wanted, few, tmp_path, kind, format_):
    made = export(runs[kind], tmp_path / FILES[format_], format_, some=few)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in made.files)
    card = read_json(tmp_path / f"{FILES[format_]}.json")
    assert card == made.card and card["labels"] == list(NAMES) and card["head"] == kind and card["size"] == 64
    assert card["input"]["shape"] == ["batch" if kind == "deeplab" else 1, "height", "width", 3]
    run = runtime(format_, made.path, card["outputs"])
    objects = 0
    for picture, answer in zip(few, wanted[kind], strict=True):
        found = run(picture[None])
        if kind == "deeplab":
            assert found[0].shape == found[1].shape == (1, *answer.size) and found[0].dtype == np.int64
            assert (found[0][0] == answer.semantic.numpy()).mean() > 0.999
            continue
        boxes, scores, classes = found[:3]
        assert (np.diff(scores) <= 0).all() and boxes.shape == (len(scores), 4)
        lost = 0
        for row in range(int((answer.scores > 0.3).sum())):
            apart = np.abs(boxes - answer.boxes[row].numpy()).max(1) + 99 * (classes != int(answer.classes[row]))
            near = int(apart.argmin())
            if apart[near] > 0.5:
                lost += 1
                continue
            assert scores[near] == pytest.approx(float(answer.scores[row]), abs=0.01)
            if kind == "mask_rcnn":
                assert found[3].shape == (len(scores), *answer.size)
                assert (found[3][near].astype(bool) == answer.masks[row].numpy()).mean() > 0.99
            objects += 1
        # where two nearly tie, a grey level of the letterbox decides
        assert lost <= 0.05 * len(answer.scores)
    assert kind == "deeplab" or objects > 20
    assert card["check"]["pictures"] == len(few) + 3 * (kind == "deeplab")
    assert card["check"]["objects_lost"] == card["check"]["objects_tied"] and card["check"]["same_pixels"] > 0.999


def test_a_semantic_run_takes_any_number_of_pictures(runs, few, tmp_path):
    made = export(runs["deeplab"], tmp_path / "m.onnx", "onnx", some=few)
    several = np.stack([few[0][:40, :50]] * 5 + [few[0][40:80, :50]])
    found = runtime("onnx", made.path, made.card["outputs"])(several)
    for row, answer in enumerate(DenseModel.load(runs["deeplab"]).predict(as_set(list(several)))):
        assert (found[0][row] == answer.semantic.numpy()).mean() > 0.998


def test_openvino_reads_the_onnx_file_and_labels_stand_inside(runs, wanted, few, tmp_path):
    import onnx

    made = export(runs["fcos"], tmp_path / "m.onnx", "onnx", some=few)
    inside = {one.key: one.value for one in onnx.load(made.path).metadata_props}
    assert json.loads(inside["labels"]) == list(NAMES)
    assert json.loads(inside["regard"]) == {key: value for key, value in made.card.items() if key != "check"}
    assert "one picture at a time" in made.card["notes"][0]
    boxes, scores = runtime("openvino", made.path, ("boxes", "scores"))(few[0][None])
    assert scores[:5] == pytest.approx(wanted["fcos"][0].scores[:5].numpy(), abs=1e-3)
    assert len(boxes) == len(scores)


@pytest.mark.parametrize("kind", ["mask_rcnn", "deeplab"])
def test_channels_first(runs, wanted, few, tmp_path, kind):
    made = export(runs[kind], tmp_path / "m.onnx", "onnx", layout="nchw", some=few)
    assert made.card["input"]["shape"][1:] == [3, "height", "width"]
    found = runtime("onnx", made.path, made.card["outputs"])(np.ascontiguousarray(few[1].transpose(2, 0, 1)[None]))
    if kind == "deeplab":
        assert (found[0][0] == wanted[kind][1].semantic.numpy()).mean() > 0.999
    else:
        assert found[1][:3] == pytest.approx(wanted[kind][1].scores[:3].numpy(), abs=1e-2)


def test_a_network_whose_maps_all_have_one_stride(tmp_path, few):
    run = dense_run(tmp_path / "run", "semantic", "linear", start="random:timm:test_vit")
    assert export(run, tmp_path / "m.pt", "torchscript", some=few).agreement.pixels > 0.999


def test_the_verb_tells_what_was_compared(runs, few, tmp_path, monkeypatch):
    monkeypatch.setattr(dense_check, "pictures", lambda: few)
    told = regard.export(runs["fcos"], format_="torchscript", out=tmp_path / "m.pt")
    assert (
        told.metrics["pictures"] == 4
        and told.metrics["objects_lost"] == told.metrics["objects_tied"]
        and told.metrics["classes"] == 3
    )
    assert told.metrics["box_difference"] < 0.5 and told.metrics["objects"] > 20
    assert "gives boxes, scores, classes" in str(told) and "0 of" in str(told)


@pytest.mark.parametrize("before", [False, True])
def test_what_departs_leaves_nothing(runs, few, tmp_path, monkeypatch, before):
    target = tmp_path / "m.pt"
    if before:
        target.write_text("older")
    true = to_torchscript.reader

    def wrong(path, graph):
        run = true(path, graph)
        return lambda x: [run(x)[0] + 3, *run(x)[1:]]

    monkeypatch.setattr(to_torchscript, "reader", wrong)
    with pytest.raises(RunError, match="departs from torch .* Nothing was kept"):
        export(runs["fcos"], target, "torchscript", some=few)
    assert [path.name for path in tmp_path.iterdir()] == (["m.pt"] if before else [])
    assert not before or target.read_text() == "older"


def test_the_check_refuses_other_shapes_and_classes(runs, few):
    model = DenseModel.load(runs["fcos"])
    graph = frozen(DenseGraph(model, "nhwc"))

    def given(change):
        return lambda x: change([value.numpy() for value in graph(torch.from_numpy(x))])

    assert dense_check.agreement(given(lambda found: found), model, graph, few).good
    other = dense_check.agreement(given(lambda found: [*found[:2], (found[2] + 1) % 3]), model, graph, few)
    assert other.lost > 10 and not other.good
    for change in (lambda found: found[:1], lambda found: [found[0][:, :3], *found[1:]]):
        with pytest.raises(RunError, match="of another shape"):
            dense_check.agreement(given(change), model, graph, few)
    with pytest.raises(RunError, match="departs"):
        dense_check.insist(Alike(4, pixels=0.998))


def test_where_nothing_is_found_the_check_says_so(runs, few):
    blank = [np.zeros((40, 40, 3), np.uint8)]
    model = DenseModel.load(runs["faster_rcnn"])
    with torch.no_grad():
        model.head.inner.box_head.predictor.cls_score.bias[0] += 50
    graph = frozen(DenseGraph(model, "nhwc"))

    def given(x):
        return [value.numpy() for value in graph(torch.from_numpy(x))]

    assert [value.shape[0] for value in given(blank[0][None])] == [0, 0, 0]
    found = dense_check.agreement(given, model, graph, blank + few)
    assert found.objects == 0 and found.good


def test_what_cannot_be_is_told(runs, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="--format: expected a network by itself, got timm for a run of a dense task"):
        export(runs["fcos"], tmp_path / "m", "timm")
    with pytest.raises(InputError, match="--out: expected a file that ends in .onnx"):
        export(runs["fcos"], tmp_path / "m.pt", "onnx")
    with monkeypatch.context() as patch:
        patch.setattr("regard.reuse.export.dense.in_stages", lambda head: False)
        with pytest.raises(
            InputError, match="--format: expected a head that has a form there, got onnx for a run of fcos"
        ):
            export(runs["fcos"], tmp_path / "m.onnx", "onnx")
    head = runs["deeplab"] / "head.safetensors"
    before = head.read_bytes()
    try:
        head.write_bytes(before[:-4] + b"abcd")
        with pytest.raises(InputError, match="expected the file that the training wrote"):
            export(runs["deeplab"], tmp_path / "m.pt", "torchscript")
    finally:
        head.write_bytes(before)
    assert not list(tmp_path.iterdir())
