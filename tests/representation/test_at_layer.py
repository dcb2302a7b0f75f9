"""A representation that ends at a layer: by name, in a folder, on each runner, with a pooling, in an index."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regard import index, probe, search
from regard.core.checks import InputError
from regard.core.storage import read_json, write_json
from regard.learning.learned import read_learned
from regard.representation.embed import embed
from regard.representation.pooled import Pooled
from regard.representation.representation import Representation
from regard.representation.untrained import random_arm

NAME = "random:convnet4@blocks.1"


def test_a_name_with_a_layer_is_the_representation_at_it(class_folder):
    whole = Representation.load("random:convnet4")
    named, made = Representation.load(NAME), whole.at("blocks.1")
    assert named.name == named.loaded_from == NAME and named.card["layer"] == "blocks.1"
    assert named.fingerprint == made.fingerprint != whole.fingerprint
    vectors = embed(class_folder, named, precision="fp32")
    by_place = embed(class_folder, whole, layer=1, precision="fp32")
    assert vectors.dim == 64 == named.encoder.num_features
    assert np.allclose(vectors.vectors, by_place.vectors, atol=1e-6)
    by_option = embed(class_folder, whole, layer="blocks.1", precision="fp32")
    assert by_option.card["fingerprint"] == named.fingerprint and by_option.card["from_cache"] == len(vectors)


def test_openvino_and_torch_agree(class_folder):
    rep = Representation.load("random:resnet18@layer2.0")
    found = embed(class_folder, rep, precision="fp32", cache=False)
    assert "openvino" in found.card["runner"]
    with torch.inference_mode():
        feed = torch.stack([rep.preprocess.apply(_decoded(path, rep)) for path in found.columns["path"][:3]])
        exact = rep.encoder(feed.float() / 255).numpy()
    assert np.allclose(found.vectors[:3], exact, atol=1e-4 * np.abs(exact).max())


def _decoded(path, rep):
    from regard.data.decode import decode

    return decode(Path(path), rep.preprocess.decode_side)


def test_it_is_saved_and_loaded(class_folder, tmp_path):
    rep = Representation.load(NAME)
    rep.save(tmp_path / "short")
    again = Representation.load(tmp_path / "short")
    assert read_json(tmp_path / "short" / "config.json")["regard"]["layer"] == "blocks.1"
    assert again.fingerprint == rep.fingerprint and again.encoder.ends == "blocks.1" and again.name == NAME
    assert again.folder == (tmp_path / "short").resolve()
    with pytest.raises(InputError, match="ends at 'blocks.1' already"):
        Representation.load(f"{tmp_path / 'short'}@blocks.0")
    Representation.load("random:convnet4").save(tmp_path / "whole")
    named = Representation.load(f"{tmp_path / 'whole'}@blocks.1")
    assert named.fingerprint == rep.fingerprint
    assert named.folder == (tmp_path / "whole").resolve() and named.loaded_from.endswith("whole@blocks.1")
    # a folder whose own name holds an @ is that folder
    rep.save(tmp_path / "a@b")
    assert Representation.load(tmp_path / "a@b").loaded_from.endswith("a@b")


def test_a_folder_with_a_layer_that_is_not_there_is_refused(tmp_path):
    Representation.load(NAME).save(tmp_path)
    config = read_json(tmp_path / "config.json")
    (tmp_path / "card.json").write_text("{}")  # without checksums
    for layer, message in (("blocks.9", "layer: expected one of"), (3, "regard: layer")):
        config["regard"]["layer"] = layer
        write_json(tmp_path / "config.json", config)
        with pytest.raises(InputError, match=message):
            Representation.load(tmp_path)


def test_names_that_cannot_be():
    with pytest.raises(InputError, match=r"layer: expected one of .*blocks\.1"):
        Representation.load("random:convnet4@blocks.11")
    with pytest.raises(InputError, match="representation: expected .* NAME@LAYER"):
        Representation.load("nothing@blocks.1")
    pooling = replace(Representation.load("random:convnet4"), pooled=Pooled.of("gem"))
    with pytest.raises(InputError, match="--layer: expected a layer of a representation that does not"):
        pooling.at("blocks.1")


def test_a_pooling_pools_the_map_of_the_layer():
    rep = Representation.load(NAME)
    pooled = replace(rep, pooled=Pooled.of("mac"))
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        vectors = pooled.pooled(pooled.encoder, x)
        assert torch.equal(vectors, pooled.encoder.last_map(x).amax((2, 3)))
    assert pooled.fingerprint not in (rep.fingerprint, Representation.load("random:convnet4").fingerprint)


def test_its_random_arm_ends_there_too():
    arm = random_arm(Representation.load(NAME), 3)
    assert arm.encoder.ends == "blocks.1" and arm.encoder.num_features == 64


def test_what_the_whole_learned_from_is_known_of_the_layer(tmp_path):
    Representation.load("random:convnet4").save(tmp_path)
    card = read_json(tmp_path / "card.json")
    write_json(tmp_path / "card.json", card | {"made_by": "labels", "scores": {"accuracy": 0.5}})
    write_json(tmp_path / "learned.json", {"pictures": ["aa", "bb"], "unknown": []})
    rep = Representation.load(f"{tmp_path}@blocks.1")
    assert read_learned(rep).pictures == {"aa", "bb"} and "scores" not in rep.card


def test_an_index_remembers_the_layer(class_folder, tmp_path):
    made = index(class_folder, tmp_path / "ix", with_="random:convnet4", layer="blocks.1", precision="fp32")
    assert made.search_index.card["loaded_from"] == NAME
    first = sorted(Path(class_folder).rglob("*.png"))[0]
    (hits,) = search(tmp_path / "ix", first, top=2, precision="fp32").told()["results"]
    assert hits["hits"][0]["id"].endswith(first.name) and hits["hits"][0]["score"] > 0.9999
    added = index(class_folder, tmp_path / "ix", with_=NAME, update=True, precision="fp32")
    assert added.done.get("new", 0) == 0
    with pytest.raises(InputError, match="--layer: expected --with beside it"):
        index(class_folder, tmp_path / "ix", layer="blocks.1", add=True)


def test_probe_takes_one_layer(class_folder):
    found = probe("builtin:digits", with_="random:convnet4", layer="blocks.0", classifier="knn", precision="fp32")
    assert found.told()["with"] == "random:convnet4@blocks.0"
    with pytest.raises(InputError, match="--layer: expected one of the two"):
        probe("builtin:digits", with_="random:convnet4", layer="blocks.0", layers=True)


def test_timm_has_no_place_for_a_layer(tmp_path):
    from regard.reuse.export.run import export

    with pytest.raises(InputError, match="timm for random:convnet4@blocks.1, which ends in a way of its own"):
        export(NAME, tmp_path / "out", "timm")
