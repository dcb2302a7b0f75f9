"""Folders that timm wrote, with arguments of every kind: timm's own vectors, or a refusal that names the key."""

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models import save_for_hf

from regard.core.checks import InputError
from regard.data.decode import decode
from regard.representation.embed import embed
from regard.representation.representation import Representation


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[0:120, 0:210]
    for i in range(3):
        parts = [np.sin(x / (7 + i) + y / 31), np.cos(y / (9 + i)), np.sin((x + y) / (13 + 2 * i))]
        Image.fromarray((np.stack(parts, -1) * 100 + 128).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def written(folder, name, arguments, keys):
    """A folder as timm saves it, with keys of its pretrained_cfg set afterwards."""
    torch.manual_seed(0)
    save_for_hf(timm.create_model(name, **arguments), folder, model_args=arguments, safe_serialization=True)
    changed(folder, lambda config: config["pretrained_cfg"].update(keys))
    return folder


def changed(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def timms(folder, pictures):
    network = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    transform = create_transform(**resolve_data_config({}, model=network), is_training=False)
    with torch.inference_mode():
        return network(torch.stack([transform(Image.open(one)) for one in sorted(pictures.iterdir())])).numpy()


def ours(folder, pictures):
    rep = Representation.load(folder)
    steps = rep.preprocess
    x = torch.stack([steps.apply(decode(one, steps.decode_side)) for one in sorted(pictures.iterdir())])
    with torch.inference_mode():
        return rep.encoder(x.float() / 255).numpy()


def same(a, b):
    assert a.shape == b.shape
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


FOLDERS = [
    ("test_resnet", {"global_pool": "max"}, {}),
    ("test_resnet", {"global_pool": "avgmax"}, {"crop_mode": "squash", "crop_pct": 0.9}),
    ("test_resnet", {"global_pool": "catavgmax"}, {"crop_mode": "border", "mean": [0.2, 0.5, 0.7]}),
    ("test_resnet", {"output_stride": 16}, {"input_size": [3, 96, 160], "crop_pct": 1.2}),
    ("test_resnet", {}, {"mean": [0.1, 0.2, 0.3], "std": [1.0, 0.5, 0.2], "interpolation": "bilinear"}),
    ("test_convnext", {"global_pool": "max"}, {"input_size": [3, 160, 96], "crop_mode": "border"}),
    ("test_efficientnet", {"global_pool": "catavgmax"}, {"interpolation": "lanczos", "mean": None}),
    ("test_vit", {"global_pool": "avg"}, {}),
    ("test_vit", {"global_pool": "map"}, {"crop_mode": "squash"}),
    ("test_vit", {"global_pool": "avgmax"}, {"crop_pct": None}),
    ("test_vit", {"global_pool": "max", "class_token": False}, {}),
    ("test_vit", {"class_token": False, "global_pool": "avg"}, {"crop_mode": "border"}),
    ("test_vit", {"img_size": 96}, {}),
    ("test_vit", {"img_size": [96, 64]}, {"crop_mode": "squash"}),
    ("test_vit", {"img_size": [64, 128], "global_pool": "avg"}, {}),
    ("test_vit", {"depth": 2, "num_classes": 7}, {}),
    ("test_vit", {"patch_size": 32, "reg_tokens": 3}, {}),
    ("test_vit", {"dynamic_img_size": True}, {"input_size": [3, 96, 128]}),
    ("test_mambaout", {"global_pool": "max"}, {"crop_pct": 0.7}),
]


@pytest.mark.parametrize("name, arguments, keys", FOLDERS, ids=str)
def test_a_folder_of_timm_gives_timms_vectors(tmp_path, pictures, name, arguments, keys):
    folder = written(tmp_path / "timm", name, arguments, keys)
    expected = timms(folder, pictures)
    assert same(ours(folder, pictures), expected) >= 0.9999
    # and what regard writes of it says all of it again, to regard and to timm
    rep = Representation.load(folder)
    rep.save(tmp_path / "regard")
    again = Representation.load(tmp_path / "regard")
    assert again.fingerprint == rep.fingerprint and again.preprocess == rep.preprocess
    assert same(ours(tmp_path / "regard", pictures), expected) >= 0.9999
    assert same(timms(tmp_path / "regard", pictures), expected) >= 0.9999


@pytest.mark.parametrize("place", [1, 2, 5, 8, 13])
def test_the_whole_path_gives_timms_vectors(tmp_path, pictures, place):
    folder = written(tmp_path / "timm", *FOLDERS[place])
    made = embed(pictures, folder, precision="fp32", cache=False)
    assert made.card["runner"] == "openvino fp32"
    assert same(made.vectors, timms(folder, pictures)) >= 0.9999


@pytest.mark.parametrize("arguments", [{"global_pool": "max"}, {"global_pool": "avgmax"}])
def test_the_fingerprint_sees_arguments_that_no_weight_shows(tmp_path, arguments):
    plain = written(tmp_path / "plain", "test_resnet", {}, {})
    other = written(tmp_path / "other", "test_resnet", arguments, {})
    assert Representation.load(plain).fingerprint != Representation.load(other).fingerprint


def test_the_old_form_of_config_json_is_read_as_timm_reads_it(tmp_path, pictures):
    folder = written(tmp_path / "old", "test_resnet", {}, {"crop_mode": "squash", "mean": [0.5, 0.4, 0.3]})

    def flat(config):
        inner = config.pop("pretrained_cfg") | {"architecture": "test_resnet", "num_features": config["num_features"]}
        config.clear()
        config.update(inner)

    changed(folder, flat)
    assert Representation.load(folder).preprocess.mode == "squash"
    assert same(ours(folder, pictures), timms(folder, pictures)) >= 0.9999


REFUSED = [
    ("test_resnet", {"in_chans": 1}, {}, {}, "in_chans"),
    ("test_resnet", {"global_pool": ""}, {}, {}, "global_pool"),
    ("test_vit", {"global_pool": ""}, {}, {}, "global_pool"),
    ("test_resnet", {}, {"input_size": [1, 64, 64]}, {"model_args": {}}, "input_size"),
    ("test_resnet", {}, {"interpolation": "random"}, {}, "interpolation.*random"),
    ("test_resnet", {}, {"crop_mode": "corner"}, {}, "crop_mode.*corner"),
    ("test_resnet", {}, {"mean": [0.1, 0.2]}, {}, "mean"),
    ("test_resnet", {}, {"scale": 3}, {}, "scale"),
    ("test_resnet", {}, {}, {"model_args": {"wings": 2}}, "wings"),
    ("test_resnet", {}, {}, {"model_args": {"features_only": True}}, "features_only"),
    ("test_resnet", {}, {}, {"global_pool": "max"}, "global_pool.*max.*avg"),
    ("test_resnet", {}, {}, {"crop_mode": "squash"}, "crop_mode.*squash"),
    ("test_vit", {}, {}, {"img_size": 96}, "img_size.*96"),
    ("test_vit", {}, {}, {"class_token": False}, "class_token.*False"),
    ("test_vit", {}, {}, {"in_chans": 1}, "in_chans.*1"),
    ("test_vit", {}, {}, {"architecture": "vit_of_tomorrow"}, "architecture.*vit_of_tomorrow"),
]


@pytest.mark.parametrize("name, arguments, keys, top, words", REFUSED, ids=lambda value: str(value))
def test_what_is_not_honoured_is_refused_by_its_name(tmp_path, name, arguments, keys, top, words):
    folder = written(tmp_path / "timm", name, arguments, keys)
    changed(folder, lambda config: config.update(top))
    with pytest.raises(InputError, match=words):
        Representation.load(folder)


def test_keys_at_the_top_that_say_the_same_are_no_fault(tmp_path):
    folder = written(tmp_path / "timm", "test_vit", {"img_size": 96, "global_pool": "avg"}, {"crop_mode": "squash"})
    top = {"crop_mode": "squash", "global_pool": "avg", "transformers_version": "4.50", "label_names": ["a"]}
    changed(folder, lambda config: config.update(top))
    assert Representation.load(folder).preprocess.mode == "squash"


@pytest.mark.parametrize("name", ["test_vit", "test_byobnet", "test_mambaout", "mobilenetv3_small_050", "starnet_s050"])
def test_random_weights_by_name_go_timms_whole_way(pictures, name):
    rep = Representation.load(f"random:timm:{name}")
    network = timm.create_model(name, num_classes=0).eval()
    network.load_state_dict(rep.encoder.network.state_dict())
    transform = create_transform(**resolve_data_config({}, model=network), is_training=False)
    with torch.inference_mode():
        expected = network(torch.stack([transform(Image.open(one)) for one in sorted(pictures.iterdir())])).numpy()
    assert same(embed(pictures, rep, precision="fp32", cache=False).vectors, expected) >= 0.9999
