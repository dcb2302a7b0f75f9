"""Exports: preprocessing inside is regard's, other runtimes give torch's labels, a wrong export leaves nothing."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
import timm
import torch

from regard import cli
from regard.core.checks import InputError, RunError
from regard.core.storage import read_json
from regard.data.builtin import builtin
from regard.data.decode import decode
from regard.representation.classifier import read_classifier
from regard.representation.openvino_graph import cosines
from regard.representation.openvino_library import core as openvino_core
from regard.representation.pooled import Pooled
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation
from regard.representation.transform.learned import LearnedWhiten
from regard.representation.transform.pca import PCAWhiten
from regard.representation.transform.steps import L2, Chain, Power
from regard.reuse.export import check, to_onnx
from regard.reuse.export.check import Agreement, agreement, expected
from regard.reuse.export.graph import Graph, Steps, frozen
from regard.reuse.export.resize import Prepared
from regard.reuse.export.run import export
from regard.reuse.predict import predict

onnxruntime = pytest.importorskip("onnxruntime")
LABELS = ['"quoted"', "line\nbreak", "ünï <b>", "a&b", "$x$", "5", "6", "7", "8", "9"]


@pytest.fixture(scope="module")
def few():
    """Three small pictures of different sizes, which check an export quickly."""
    photo = decode(builtin("photos").items[0]).permute(1, 2, 0).numpy()
    return [np.ascontiguousarray(part) for part in (photo[:90, :120], photo[200:260, :50], photo[::4, ::4])]


@pytest.fixture
def quick(few, monkeypatch):
    """Exports are checked on few pictures."""
    monkeypatch.setattr(check, "pictures", lambda: few)


def sizes():
    photo = decode(builtin("photos").items[0])
    small = (photo[:, :37, :41], photo[:, 100:110, 50:59], photo[:, :5, :300], photo[:, :300, :3], photo[:, :1, :70])
    return [photo, *(part.contiguous() for part in small)]


@pytest.mark.parametrize("kind", ["bicubic", "bilinear", "hamming"])
@pytest.mark.parametrize("mode", ["crop", "squash", "border"])
@pytest.mark.parametrize(
    ("size", "resize"), [(224, 256), (32, 32), (64, 48), ((96, 64), (110, 70)), ((64, 96), (64, 96)), (33, 41)]
)
def test_preprocessing_inside_is_that_of_regard(kind, mode, size, resize):
    steps = Preprocess(size, resize, kind, mode, (10, 20, 30))
    inside = Prepared(steps)
    for picture in sizes():
        apart = (inside(picture[None])[0] - steps.apply(picture).float()).abs()
        assert apart.max() <= 2 and (apart > 0).float().mean() < 0.1, picture.shape


def test_a_very_long_picture_is_cut_as_regard_cuts_it():
    long = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 2, 900), np.uint8))
    for picture in (long, long.transpose(1, 2).contiguous()):
        steps = Preprocess(32, 40)
        assert (Prepared(steps)(picture[None])[0] - steps.apply(picture).float()).abs().max() <= 2


def test_a_picture_of_the_right_size_is_left_as_it_is(picture):
    x = torch.from_numpy(picture).permute(2, 0, 1)
    assert torch.equal(Prepared(Preprocess((48, 64), (48, 64)))(x[None])[0], x.float())


@pytest.mark.parametrize(
    "transform",
    [
        L2(),
        Power(0.5),
        PCAWhiten.fit(np.random.default_rng(0).normal(size=(60, 8)), 5, power=0.3),
        LearnedWhiten.fit(np.random.default_rng(0).normal(size=(60, 8)), np.repeat(np.arange(20), 3), 6),
        Chain((Power(0.7), L2(), PCAWhiten.fit(np.random.default_rng(1).normal(size=(60, 8))), L2())),
    ],
    ids=lambda step: step.kind,
)
def test_transforms_in_torch_are_those_in_numpy(transform):
    vectors = np.random.default_rng(2).normal(size=(7, 8)).astype(np.float32)
    vectors[3] = 0
    assert Steps(transform)(torch.from_numpy(vectors)).numpy() == pytest.approx(transform.apply(vectors), abs=1e-5)


def arrays(images):
    return np.stack([np.repeat(item[..., None], 3, 2) for item in images.items])


@pytest.fixture(scope="module")
def exported(tuned, few, tmp_path_factory):
    """The run in each form that holds preprocessing."""
    folder = tmp_path_factory.mktemp("exports")
    files = {"onnx": "m.onnx", "openvino": "m.xml", "torchscript": "m.pt"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "pictures", lambda: few)
        return {name: export(tuned, folder / file, name) for name, file in files.items()}


def runtime(kind, path):
    """Run a file as somebody would who has no regard."""
    if kind == "onnx":
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda x: session.run(["probabilities"], {"images": x})[0]
    if kind == "openvino":
        compiled = openvino_core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda x: compiled({"images": x})["probabilities"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(path))
    return lambda x: module(torch.from_numpy(x))[0].numpy()


@pytest.mark.parametrize("kind", ["onnx", "openvino", "torchscript"])
@pytest.mark.parametrize("batch", [1, 64, 200])
def test_labels_of_200_images_are_those_of_torch(exported, tuned, digits, kind, batch):
    wanted = predict(tuned, digits[1], precision="fp32")
    run, pixels = runtime(kind, exported[kind].path), arrays(digits[1])
    found = np.concatenate([run(pixels[at : at + batch]) for at in range(0, 200, batch)])
    assert [wanted.classes[place] for place in found.argmax(1)] == wanted.labels.tolist()
    assert found == pytest.approx(wanted.probabilities, abs=1e-3)


def test_openvino_reads_the_onnx_file(exported, tuned, digits):
    run = runtime("openvino", exported["onnx"].path)
    found = run(arrays(digits[1])).argmax(1)
    assert [str(name) for name in np.array(exported["onnx"].card["labels"])[found]] == predict(
        tuned, digits[1], precision="fp32"
    ).labels.tolist()


def test_the_card_stands_beside_and_in_the_file(exported, tuned):
    import onnx

    for kind, made in exported.items():
        card = read_json(made.path.with_name(made.path.name + ".json"))
        assert card == made.card and made.path in made.files
        assert card["check"]["cosine"] >= 0.9999 and card["check"]["same_labels"] == card["check"]["pictures"]
        assert card["labels"] == list("0123456789") and card["outputs"] == ["probabilities", "vectors"]
        assert card["fingerprint"] == Representation.load(tuned).fingerprint
        if kind == "onnx":
            inside = {one.key: one.value for one in onnx.load(made.path).metadata_props}
        elif kind == "openvino":
            model = openvino_core().read_model(made.path)
            inside = {key: model.get_rt_info(key).astype(str) for key in ("labels", "regard")}
        else:
            inside = {"labels.json": "", "regard.json": ""}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.jit.load(str(made.path), _extra_files=inside)
            inside = {name.removesuffix(".json"): text for name, text in inside.items()}
        assert json.loads(inside["labels"]) == card["labels"]
        assert json.loads(inside["regard"]) == {key: value for key, value in card.items() if key != "check"}


@pytest.mark.parametrize("format, name", [("openvino", "m.xml"), ("torchscript", "m.pt")])
def test_channels_first(tuned, tmp_path, digits, quick, format, name):
    made = export(tuned, tmp_path / name, format, layout="nchw")
    pixels = np.ascontiguousarray(arrays(digits[1])[:5].transpose(0, 3, 1, 2))
    found = runtime(format, made.path)(pixels)
    assert made.card["input"]["shape"] == ["batch", 3, "height", "width"]
    assert found == pytest.approx(
        predict(tuned, digits[1].subset(slice(0, 5)), precision="fp32").probabilities, abs=1e-3
    )


def poolings():
    fitted = PCAWhiten.fit(np.random.default_rng(0).normal(size=(300, 128)) + 1, 16)
    return {
        "gem": (Pooled.of("gem"), None),
        "whitened": (None, Chain((L2(), fitted, L2()))),
        "scales": (Pooled.of("gem", None, (1.0, 0.71)), None),
        "rmac, whitened": (Pooled.of("rmac"), Chain((Power(0.5), fitted, L2()))),
        "mac": (Pooled.of("mac"), None),
        "spoc": (Pooled.of("spoc"), None),
    }


@pytest.mark.parametrize("name", poolings())
@pytest.mark.parametrize("format", ["openvino", "torchscript"])
def test_pooling_and_whitening_are_inside(name, format, tmp_path, few, quick):
    rep = Representation.load("random:convnet4")
    rep.pooled, rep.transform = poolings()[name]
    rep.save(tmp_path / "rep")
    made = export(tmp_path / "rep", tmp_path / ("m.xml" if format == "openvino" else "m.pt"), format)
    assert made.card["outputs"] == ["vectors"] and "labels" not in made.card
    assert made.agreement.cosine > 0.9999 and made.agreement.same_labels is None
    assert ("transform" in made.card) == (rep.transform is not None)


def test_pooling_and_whitening_are_inside_onnx(tmp_path, few, quick):
    rep = Representation.load("random:convnet4")
    rep.pooled, rep.transform = poolings()["rmac, whitened"]
    rep.save(tmp_path / "rep")
    assert export(tmp_path / "rep", tmp_path / "m.onnx").agreement.cosine > 0.9999


@pytest.mark.parametrize("network", ["timm:vit_tiny_patch16_224", "torchvision:squeezenet1_1"])
def test_other_networks(network, tmp_path, few, quick):
    made = export(f"random:{network}", tmp_path / "m.xml", "openvino")
    assert made.agreement.cosine > 0.9999


@pytest.mark.parametrize(
    "network",
    # a linear layer, one behind a norm, a convolution, and two heads of which the mean is taken
    ["convnet4", "timm:convnext_atto", "timm:resnetv2_18", "timm:deit_tiny_distilled_patch16_224"],
)
def test_a_timm_folder_carries_its_classifier(network, tmp_path, few, quick):
    rep = Representation.load(f"random:{network}")
    from regard.representation.classifier import save_classifier

    generator = torch.Generator().manual_seed(0)
    head = {
        "weight": torch.randn(10, rep.encoder.num_features, generator=generator),
        "bias": torch.randn(10, generator=generator),
    }
    (tmp_path / "run").mkdir()
    rep.card["classifier"] = save_classifier(tmp_path / "run", head, LABELS)
    rep.save(tmp_path / "run")
    made = export(tmp_path / "run", tmp_path / "out", "timm")
    config = read_json(tmp_path / "out" / "config.json")
    assert config["num_classes"] == 10 and config["label_names"] == LABELS
    model = timm.create_model(f"local-dir:{made.path}", pretrained=True).eval()
    with torch.inference_mode():
        x = torch.stack([rep.preprocess.apply(torch.from_numpy(one).permute(2, 0, 1)) for one in few]).float() / 255
        logits = model(rep.encoder.normalise(x)).numpy()
    wanted = read_classifier(tmp_path / "run").logits(expected(rep, few))
    assert logits == pytest.approx(wanted, rel=1e-3, abs=1e-3)
    again = Representation.load(made.path)  # regard reads it, too
    assert again.preprocess == rep.preprocess
    assert cosines(expected(again, few), expected(rep, few)).min() > 0.9999


def test_a_timm_folder_of_a_representation_alone(tmp_path, few, quick):
    export("random:timm:mobilenetv3_small_050", tmp_path / "out", "timm")
    assert timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True).num_classes == 0


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_odd_labels_are_kept(layout, tmp_path, few, quick):
    from regard.representation.classifier import save_classifier

    rep = Representation.load("random:convnet4")
    (tmp_path / "run").mkdir()
    head = {"weight": torch.eye(10, 128), "bias": torch.zeros(10)}
    rep.card["classifier"] = save_classifier(tmp_path / "run", head, LABELS)
    rep.save(tmp_path / "run")
    made = export(tmp_path / "run", tmp_path / "m.xml", "openvino", layout=layout)
    assert json.loads(openvino_core().read_model(made.path).get_rt_info("labels").astype(str)) == LABELS


@pytest.mark.parametrize("format, name", [("openvino", "m.xml"), ("torchscript", "m.pt"), ("timm", "m")])
@pytest.mark.parametrize("before", [False, True])
def test_an_export_that_departs_leaves_nothing(tuned, tmp_path, few, quick, monkeypatch, format, name, before):
    target = tmp_path / name
    if before and format != "timm":
        target.write_text("older")
    wrong = Agreement(33, 0.9998, 33, 0, 0.0)
    monkeypatch.setattr("regard.reuse.export.run.agreement", lambda *_: wrong)
    with pytest.raises(RunError, match="departs from torch"):
        export(tuned, target, format)
    left = [path.name for path in tmp_path.iterdir()]
    assert left == ([name] if before and format != "timm" else [])
    assert not left or target.read_text() == "older"


@pytest.mark.parametrize(
    ("change", "good"),
    [
        (lambda v, p: (v, p), True),
        (lambda v, p: (v + 2 * v.std() * (np.arange(v.shape[1]) == 3), p), False),
        (lambda v, p: (v, np.roll(p, 1, axis=1)), False),
        (lambda v, p: (v * 3, p), True),  # lengths have no part in a cosine
    ],
)
def test_the_check_finds_what_departs(tuned, few, change, good):
    rep, classifier = Representation.load(tuned), read_classifier(tuned)

    def given(images):
        vectors = expected(rep, list(images))
        vectors, shares = change(vectors, classifier.probabilities(vectors))
        return shares, vectors

    assert agreement(given, rep, classifier, few).good is good


def test_the_check_refuses_nan_and_other_shapes(tuned, few):
    rep = Representation.load(tuned)
    for wrong in (np.full((1, 128), np.nan), np.zeros((1, 5))):
        with pytest.raises(RunError, match="no finite numbers"):
            agreement(lambda images: [np.repeat(wrong, len(images), 0)], rep, None, few)  # noqa: B023


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("imagenet", "--format", "onxx", "--out", "m.onnx"), 2, "--format: expected one of"),
        (("imagenet", "--format", "onnx", "--out", "m.pt"), 2, "--out: expected a file that ends in .onnx"),
        (("imagenet", "--format", "openvino", "--out", "m"), 2, "--out: expected a file that ends in .xml"),
        (("imagenet", "--format", "onnx", "--out", "m.onnx", "--layout", "chw"), 2, "--layout: expected one of"),
        (("nothing/here", "--format", "onnx", "--out", "m.onnx"), 2, "representation: expected"),
        (
            ("random:torchvision:squeezenet1_1", "--format", "timm", "--out", "m"),
            2,
            "--format: expected a network of timm",
        ),
        (("imagenet", "--format", "timm", "--out", "."), 2, "--out: expected a new or empty folder"),
    ],
)
def test_bad_arguments(words, status, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").write_text("")
    assert cli.main(["export", *words, "--json"]) == status
    assert json.loads(capsys.readouterr().out)["error"].startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="onnx, onnxscript, onnxruntime.*pip install 'regard\\[onnx\\]'"):
        to_onnx.needed()


def test_the_command_line_prints_the_check(tuned, tmp_path, quick, capsys):
    assert cli.main(["export", str(tuned), "--format", "torchscript", "--out", str(tmp_path / "m.pt")]) == 0
    text = capsys.readouterr().out
    assert "smallest cosine" in text and "labels the same" in text
    assert cli.main(["export", str(tuned), "--format", "timm", "--out", str(tmp_path / "t"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["metrics"]["cosine"] >= 0.9999 and told["metrics"]["classes"] == 10


def test_torchscript_needs_no_regard(exported):
    code = (
        "import sys, torch, warnings; warnings.simplefilter('ignore')\n"
        f"m = torch.jit.load({str(exported['torchscript'].path)!r})\n"
        "p, v = m(torch.zeros(3, 20, 30, 3, dtype=torch.uint8))\n"
        "assert p.shape == (3, 10) and v.shape == (3, 128) and 'regard' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_graph_is_one_function_of_pixels(tuned, few):
    graph = frozen(Graph(Representation.load(tuned), read_classifier(tuned), "nhwc"))
    probabilities, vectors = graph(torch.from_numpy(few[0][None]))
    assert vectors.numpy() == pytest.approx(expected(Representation.load(tuned), few[:1]), abs=1e-3)
    assert float(probabilities.sum()) == pytest.approx(1, abs=1e-5)
