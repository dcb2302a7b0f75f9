"""Fitted representations: read from images in bounded memory, fitted, saved, loaded; what makes no sense is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import regard
from regard.core.checks import InputError
from regard.core.discover import load
from regard.core.events import last
from regard.core.storage import hash_file, load_tensors, read_json
from regard.create import vocabulary
from regard.create.run import train, train_events
from regard.create.traditional._rows import RowFile
from regard.data.builtin import photo_crops
from regard.data.imageset import ImageSet
from regard.learning.objective import check_objective, objectives
from regard.learning.settings import TrainSettings
from regard.representation.embed import embed
from regard.representation.kinds import _vocabulary as built_in
from regard.representation.representation import Representation

FEW = {"k": 4, "dim": 8, "scales": "4,6", "step": 8, "descriptors": 2000}
HERE = TrainSettings(device="cpu", threads=1)


def crops(n: int = 24) -> ImageSet:
    return photo_crops(n, 64, seed=1)


@pytest.mark.parametrize(("task", "length"), [("fisher", 2 * 4 * 10), ("bag_of_words", 4)])
def test_a_folder_is_a_representation_like_any_other(task, length, tmp_path):
    made = train(crops(), task, out=tmp_path / "run", settings=HERE, method=FEW)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "card.json", "config.json", "events.jsonl", "metrics.json", "model.safetensors", "pooling.safetensors",
        "learned.json", "run.json",
    }  # fmt: skip
    card = made.card
    assert card["task"] == {**load("task", task)(**FEW).as_dict(), "name": task}
    assert card["data"]["trained_on"] == 16 and card["data"]["held_out"] == 8 and card["cost"]["seconds"] > 0
    assert card["size"] == 64 and card["scores"]["descriptors"] <= 2000
    again = Representation.load(tmp_path / "run")
    assert again.fingerprint == made.fingerprint
    assert again.encoder.config["model_args"] == {"scales": [4, 6], "step": 8, "colour": "grey", "contrast": 0.005}
    found = embed(crops(), again, cache=False)
    assert found.vectors.shape == (24, length) and np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
    assert found.card["runner"] == "torch fp32 on cpu" and "threshold" in found.card["runner_note"]
    with pytest.raises(InputError, match="--precision: expected auto or fp32, as timm:phow has a threshold"):
        embed(crops(), again, precision="bf16")
    before = hash_file(tmp_path / "run/pooling.safetensors")
    events = list(train_events(crops(), task, out=tmp_path / "run", settings=HERE, method=FEW))
    assert [event.kind for event in events] == ["done"] and "already done" in events[0].text
    with pytest.raises(InputError, match="set k was 4, now 5"):
        list(train_events(crops(), task, out=tmp_path / "run", settings=HERE, method=FEW | {"k": 5}))
    list(train_events(crops(), task, out=tmp_path / "run", settings=HERE, method=FEW, resume=False))
    assert hash_file(tmp_path / "run/pooling.safetensors") == before, "the same images and seed give the same bytes"


def test_colours_positions_and_pyramids_are_settings(tmp_path):
    more = {"colour": "opponent", "positions": "true", "pyramid": "1x1,3x1", "scales": (4, 6)}
    made = train(crops(), "bag_of_words", out=tmp_path / "run", settings=HERE, method=FEW | more, size=48)
    assert made.encoder.num_features == 2 * 384 and made.preprocess.shape == (48, 48)
    assert made.pooled.method.axes.shape == (386, 10) and made.embed(crops(), cache=False).vectors.shape == (24, 16)


def test_the_order_of_images_makes_no_difference_and_a_broken_one_is_named(tmp_path):
    items, ids = list(crops().items), crops().ids
    broken = tmp_path / "broken.png"
    Image.fromarray(items[0]).save(broken)
    broken.write_bytes(broken.read_bytes()[:200])
    first = ImageSet([*items, broken], np.array([*ids, "broken"]))
    other = first.subset(np.arange(25)[::-1])
    ends = []
    for name, images in (("first", first), ("other", other)):
        done = last(train_events(images, "fisher", out=tmp_path / name, settings=HERE, method=FEW), "done")
        ends.append(hash_file(tmp_path / name / "pooling.safetensors"))
        assert done.values["set_aside"] == 1 and done.values["steps"] >= 1
    assert ends[0] == ends[1]
    assert read_json(tmp_path / "first/card.json")["data"]["set_aside"][0]["path"] == "broken"


def test_a_run_that_is_stopped_leaves_no_card_and_starts_anew(tmp_path):
    events = train_events(crops(), "fisher", out=tmp_path / "run", settings=HERE, method=FEW)
    for event in events:
        if event.kind == "read":
            break
    events.close()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["events.jsonl", "run.json"]
    train(crops(), "fisher", out=tmp_path / "run", settings=HERE, method=FEW)
    train(crops(), "fisher", out=tmp_path / "whole", settings=HERE, method=FEW)
    assert hash_file(tmp_path / "run/pooling.safetensors") == hash_file(tmp_path / "whole/pooling.safetensors")


def test_no_more_descriptors_are_held_than_a_piece_and_of_many_images_some_are_drawn(tmp_path, monkeypatch):
    asked, plain = [], RowFile.__getitem__
    monkeypatch.setattr(
        RowFile, "__getitem__", lambda self, part: asked.append(part.stop - part.start) or plain(self, part)
    )
    monkeypatch.setattr("regard.representation.pooling._rows.PIECE", 100)
    made = train(crops(), "fisher", out=tmp_path / "run", settings=HERE, method=FEW | {"descriptors": 320})
    assert max(asked) == 100 and made.card["data"]["trained_on"] == 10, "at least 32 of each image"


def test_rows_in_a_file_are_those_that_were_written(tmp_path):
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    with RowFile(tmp_path, 3) as rows:
        rows.append(X[:20])
        assert np.array_equal(rows[5:9], X[5:9])
        rows.append(X[20:])
        assert rows.shape == (50, 3) and np.array_equal(rows[0:50], X) and np.array_equal(rows[45:99], X[45:])
        assert not list(tmp_path.iterdir()), "the file has no name"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 3}, "--steps: expected nothing with --task fisher, which is fitted and not trained"),
        ({"lr": 0.1}, "--lr"),
        ({"backbone": "lenet"}, "--backbone"),
        ({"from_": "random:convnet4"}, "--from"),
        ({"keep": "best"}, "--keep"),
        ({"precision": "bf16"}, "--precision: expected one of auto, fp32"),
        ({"set_": {"words": 3}}, "--set"),
        ({"set_": {"scales": "four"}}, "--set scales: expected sides of a bin"),
        ({"set_": {"pyramid": "2by2"}}, "pyramid: expected rows x columns"),
        ({"set_": {"k": 500, "descriptors": 300}}, "--set k: expected at most as many as descriptors"),
        ({"set_": {"colour": "lab"}}, "--set colour: expected one of grey, opponent"),
        ({"set_": {"k": 0}}, "--set k"),
    ],
)
def test_what_makes_no_sense_is_refused_before_images_are_read(options, words, tmp_path):
    with pytest.raises(InputError, match=words):
        regard.create(crops(), task=["fisher"], out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_images_without_structure_and_tasks_that_need_a_training_are_told(tmp_path):
    rng = np.random.default_rng(0)
    faint = ImageSet([rng.integers(100, 102, (64, 64, 3), np.uint8) for _ in range(20)], np.arange(20).astype(str))
    with pytest.raises(InputError, match="no descriptor above the contrast 0.1. Give --set contrast=0"):
        train(faint, "fisher", out=tmp_path / "run", settings=HERE, method=FEW | {"contrast": 0.1})
    assert "fisher" not in objectives() and "rotation" in objectives()
    with pytest.raises(InputError, match="objective: expected a task that trains a network, got 'fisher'"):
        check_objective("objective", "fisher")


def test_the_verb_tells_of_several_tasks(tmp_path):
    found = regard.create(crops(), task=["fisher", "bag_of_words"], out=tmp_path, device="cpu", set_=FEW)
    assert found.backbone == "phow" and list(found.representations) == ["fisher", "bag_of_words"]
    assert found.metrics["fisher_log_likelihood"] > found.metrics["fisher_one_gaussian_log_likelihood"] - 50
    assert 0 < found.metrics["bag_of_words_distance"] < 1.5 and "bag_of_words" in str(found)


def test_the_built_in_vocabulary_is_what_the_function_that_makes_it_writes(tmp_path):
    """Here from a few crops: the same tensors by name and number of axes, and cards that say the same things."""
    vocabulary.make(tmp_path, crops=20, side=32, descriptors=600, dim=8)
    small, own = (load_tensors(folder / built_in.TENSORS) for folder in (tmp_path, built_in.HERE))
    assert {name: value.ndim for name, value in small.items()} == {name: value.ndim for name, value in own.items()}
    cards = [json.loads((folder / built_in.CARD).read_text()) for folder in (tmp_path, built_in.HERE)]
    for name, settings in vocabulary.SETTINGS.items():
        told, kept = (card[name] for card in cards)
        assert told.keys() == kept.keys() and told["settings"] == kept["settings"]
        assert kept["task"] == {**load("task", name)(**settings).as_dict(), "name": name}
        assert "photographs that ship with scikit-learn and scikit-image" in kept["made_by"]
        assert kept["data"]["images"] == vocabulary.CROPS and kept["training"] == {"seed": 0}
        crop = photo_crops(vocabulary.CROPS, vocabulary.SIDE, seed=0)
        assert kept["data"]["name"] == crop.name
    sizes = sum((built_in.HERE / name).stat().st_size for name in (built_in.TENSORS, built_in.CARD))
    assert sizes < 200_000


@pytest.mark.parametrize(("name", "length"), [("fisher", 2 * 64 * 66), ("bag_of_words", 256)])
def test_the_built_in_ones_are_named_like_any_other(name, length, tmp_path, monkeypatch):
    rep = Representation.load(name)
    assert rep.name == name and rep.loaded_from == name and rep.preprocess.shape == (256, 256)
    found = rep.embed(crops(2), cache=False)
    assert found.vectors.shape == (2, length) and found.card["loaded_from"] == name
    with pytest.raises(InputError, match=f"regard create --task {name}"):
        Representation.load(f"{name}:photos")
    monkeypatch.chdir(tmp_path)
    kept = rep.save(Path(name))
    with pytest.raises(InputError, match="a folder that holds one"):
        Representation.load(name)
    assert (
        Representation.load(f"./{name}").fingerprint
        == rep.fingerprint
        == Representation.load(f"folder:{kept}").fingerprint
    )


def test_a_seed_draws_other_descriptors(tmp_path):
    ends = [
        train(
            crops(),
            "bag_of_words",
            out=tmp_path / str(seed),
            settings=TrainSettings(device="cpu", seed=seed),
            method=FEW,
        )
        for seed in (0, 1)
    ]
    assert not torch.equal(*(one.pooled.method.centres for one in ends))


def test_every_verb_takes_it_by_name_of_its_folder(class_folder, tmp_path):
    folder = tmp_path / "words"
    train(class_folder, "bag_of_words", out=folder, settings=HERE, method=FEW | {"k": 16})
    found = regard.probe(class_folder, with_=folder, classifier="knn")
    assert found.metrics["knn"] == 1, "stripes along and across have other words"
    regard.index(class_folder, with_=folder, out=tmp_path / "index")
    hits = regard.search(tmp_path / "index", class_folder / "along/00.png", top=5).hits
    assert all(str(one.id).startswith("along") for one in hits[0]) and len(hits[0]) == 5
    adapted = regard.adapt(class_folder, class_folder, with_=folder, method="coral")
    assert adapted.metrics["adapted"] == 1
    with pytest.raises(InputError):
        regard.finetune(class_folder, class_folder, with_=folder, out=tmp_path / "tuned", steps=2)
