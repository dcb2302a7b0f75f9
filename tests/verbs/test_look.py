"""`regard look` end to end: what the page holds, what is left out and why, what is an error, and the same again."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import regard
from regard.cli import main
from regard.core.checks import InputError
from regard.core.runtime import numpy_rng
from regard.representation.representation import Representation


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("look")
    rng = numpy_rng(0, "look")
    for label, low in (("dark", 0), ("light", 120)):
        (root / "images" / label).mkdir(parents=True)
        for number in range(7):
            pixels = rng.integers(low, low + 130, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "images" / label / f"{number}.png")
    (root / "images" / "dark" / "00 bad.png").write_bytes(b"no image")
    regard.finetune(root / "images", out=root / "tuned", with_="random:convnet4", layers="head", steps=2)
    return root


def test_a_page_of_a_run_with_a_classifier(given):
    seen = regard.look(given / "tuned", given / "images", units=3, shown=2, out=given / "page.html")
    told = seen.to_dict()
    assert [one["layer"] for one in told["layers"]] == ["blocks.0", "blocks.2", "blocks.3"]
    assert [one["map"] for one in told["layers"]] == [[16, 16], [4, 4], [4, 4]]
    assert [one["field"] for one in told["layers"]] == [[3, 3], [15, 15], [31, 31]]
    assert told["metrics"]["patches"] == 3 * 3 * 9 and told["metrics"]["images"] == 14
    assert {one["class"] for one in told["pictures"]} <= {"dark", "light"}
    assert all(0 < one["probability"] <= 1 for one in told["pictures"])
    assert [one["name"] for one in told["set_aside"]] == ["dark/00 bad.png"]
    assert list(told["neighbours"]) == ["blocks.0", "blocks.2", "blocks.3", "the vector"]
    # no max pooling in this network
    assert list(told["left_out"]) == ["deconvnet"] and "no switches" in told["left_out"]["deconvnet"]
    page = (given / "page.html").read_text()
    for words in ("First-layer filters", "Layer blocks.2", "Grad-CAM, blocks.3", "guided backpropagation", "Left out"):
        assert words in page
    assert len(re.findall('<img src="data:image/|<img class="tiny" src="data:image/', page)) >= 3 * 3 * 2 + 2 * 4
    assert "http" not in re.sub(r"xmlns=\S+", "", page.partition("<main>")[2])


def test_patches_are_where_the_map_is_largest(given):
    """The first picture of a unit holds, inside the rectangle that is told, all that its answer depends on."""
    seen = regard.look("random:convnet4", given / "images", layer="blocks.1", units=2, shown=1, way="patches")
    rep = Representation.load("random:convnet4")
    (layer,) = seen.found.layers
    for unit in layer.units:
        best = unit.patches[0]
        maps = rep.encoder.maps(as_seen(rep, seen.found.images.items[best.image]))[1][0, unit.unit].detach()
        # cells whose field an edge cuts do not count
        assert best.value == pytest.approx(float(maps[1:-1, 1:-1].max()), rel=1e-4)
        assert best.crop.shape == (7, 7, 3) and best.field[2] - best.field[0] == 7


def as_seen(rep: Representation, item):
    from regard.data.decode import decode

    return rep.preprocess.apply(decode(item))[None].float() / 255


def test_the_same_again(given):
    first, second = (
        json.loads(json.dumps(regard.look("random:convnet4", given / "images", units=2, shown=1).to_dict()))
        for _ in range(2)
    )
    for one in (first, second):
        one["metrics"].pop("seconds")
    assert first == second


def test_a_vision_transformer_has_neither_a_deconvnet_nor_guided_backpropagation(given):
    rep = Representation.load("random:vit_tiny_patch16_224")
    seen = regard.look(rep, given / "images", layer="blocks.1", units=1, shown=1, batch=4)
    out = seen.to_dict()["left_out"]
    assert set(out) == {"deconvnet", "guided"}
    assert "GELU" in out["guided"] and "attention" in out["guided"]
    (layer,) = seen.found.layers
    assert layer.units[0].patches[0].back is None and layer.field == (224, 224)
    assert seen.found.shown[0].guided is None and seen.found.shown[0].cam.shape == (14, 14)


@pytest.mark.parametrize("way", ["guided", "deconvnet"])
def test_a_way_without_meaning_is_an_error_where_it_is_named(given, way, capsys, monkeypatch):
    monkeypatch.chdir(given)
    line = f"look random:vit_tiny_patch16_224 images --way patches --way {way} --layer blocks.1 --out no.html"
    assert main(line.split()) == 2
    said = capsys.readouterr().err
    assert f"{way}: expected" in said and "GELU" in said and "plain gradient" in said
    assert not (given / "no.html").exists()


def test_the_deconvnet_is_shown_where_it_is_named_or_has_switches(given):
    named = regard.look(
        "random:convnet4", given / "images", way=["patches", "deconvnet"], layer="blocks.1", units=1, shown=1
    )
    patch = named.found.layers[0].units[0].patches[0]
    assert patch.back is not None and patch.back.shape == patch.crop.shape and patch.guided is None
    assert named.found.shown == [] and named.found.filters is None
    pooled = regard.look("random:lenet", given / "images", units=1, shown=1)
    assert not pooled.found.left_out and len(pooled.found.layers) == 2
    patch = pooled.found.layers[1].units[0].patches[0]
    assert patch.back is not None and patch.guided is not None and np.abs(patch.back - patch.guided).max() > 0


def test_a_class_is_asked_about_and_an_unknown_one_is_refused(given):
    seen = regard.look(given / "tuned", given / "images", way="occlusion,gradcam", shown=1, class_="light")
    assert [one.label for one in seen.found.shown] == ["light"]
    with pytest.raises(InputError, match="--class: expected one of dark, light, got 'lihgt'. Did you mean 'light'"):
        regard.look(given / "tuned", given / "images", class_="lihgt")
    with pytest.raises(InputError, match="--class: expected a class of a run that has one"):
        regard.look("random:convnet4", given / "images", class_="light")


def test_a_whitened_representation_is_explained_before_it(given):
    regard.whiten(given / "images", given / "white", with_="random:convnet4", dim=4)
    seen = regard.look(given / "white", given / "images", units=1, shown=1, layer="blocks.2")
    assert any("whitens" in str(one) for one in seen.notes)
    assert seen.found.shown[0].cam is not None and "guided" not in seen.found.left_out


def test_descriptors_made_by_hand_have_what_asks_for_no_network(given):
    seen = regard.look("random:dense_sift", given / "images", shown=1)
    assert set(seen.found.left_out) == {"filters", "patches", "deconvnet", "guided", "gradcam"}
    assert seen.found.shown[0].occlusion is not None and seen.found.layers == []
    assert [one.layer for one in seen.found.neighbours] == ["the vector"]


def test_names_are_no_markup(given, tmp_path):
    place = tmp_path / "a"
    place.mkdir()
    for number in range(3):
        pixels = numpy_rng(number, "x").integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"<b>{number}.png")
    regard.look("random:convnet4", place, units=1, shown=1, out=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<b>1.png" not in page and "&lt;b&gt;1.png" in page
