"""Who came from whom, by cards written by hand: chains, equal weights, circles, damage and foreign files."""

import json
import re
from pathlib import Path

import pytest

from regard.core.checks import InputError
from regard.lifelong.lineage import read_lineage
from regard.pages.lineage import write_lineage_page
from regard.verbs.lineage import drawn, lineage

CONFIG = {"architecture": "convnet4", "regard": {"library": ""}, "pretrained_cfg": {}}


def put(folder: Path, mark: str, parent: object = None, **card: object) -> Path:
    """A folder as `Representation.save` leaves it, but for its weights, which lineage does not read."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"")
    told = {"name": folder.name, "fingerprint": mark, **card}
    (folder / "card.json").write_text(json.dumps(told if parent is None else {**told, "parent": parent}))
    return folder


def of(name: str, mark: str) -> dict[str, str]:
    return {"name": name, "fingerprint": mark}


def test_a_chain_has_its_tasks_and_scores_in_order(tmp_path):
    put(
        tmp_path / "z",
        "A",
        "random:resnet18:7",
        task={"name": "rotation"},
        data={"name": "icons"},
        scores={"loss": 0.5},
    )
    put(
        tmp_path / "deep/m",
        "B",
        of("z", "A"),
        task={"name": "labels"},
        data={"name": "faces"},
        scores={"train": 9, "accuracy": 0.75, "accuracy_low": 0.7, "accuracy_high": 0.8, "none": None, "flag": True},
    )
    put(tmp_path / "a", "C", of("m", "B"), task={"name": "dense"}, scores={"ap": 0.25})
    found = read_lineage(tmp_path)
    assert found.parents == {"a": "deep/m", "deep/m": "z"}
    assert found.tasks("a") == ["rotation (icons)", "labels (faces)", "a"]
    assert found.nodes["deep/m"].scored == "accuracy 0.750 [0.700, 0.800]"
    assert (found.nodes["z"].score, found.nodes["a"].score) == ("loss", "ap")
    assert "flag" not in found.nodes["deep/m"].scores
    assert [drawn(row) for row in found.rows()] == [
        "fresh weights: resnet18, seed 7",
        "└─ z: rotation on icons, loss 0.500",
        "   └─ deep/m: labels on faces, accuracy 0.750 [0.700, 0.800]",
        "      └─ a: a, ap 0.250",
    ]


def test_runs_that_moved_no_weight_are_told_apart_by_name(tmp_path):
    """A frozen network's fingerprint is its parent's: neither itself nor a sibling is the parent."""
    put(tmp_path / "a-head", "F", of("net", "F"), name="finetuned-net")
    put(tmp_path / "b-head", "F", of("net", "F"), name="finetuned-net")
    put(tmp_path / "c-head", "F", of("finetuned-net", "F"), name="finetuned-finetuned-net")
    assert read_lineage(tmp_path).parents == {"c-head": "a-head"}
    assert [one.name for one in read_lineage(tmp_path).missing] == ["net"]
    put(tmp_path / "z-net", "F", "random:convnet4:0", name="net")
    found = read_lineage(tmp_path)
    assert found.parents == {"a-head": "z-net", "b-head": "z-net", "c-head": "a-head"} and not found.loops
    assert [drawn(row)[:12] for row in found.rows()][2:] == ["   ├─ a-head", "   │  └─ c-h", "   └─ b-head"]


def test_what_was_whitened_comes_from_what_was_whitened(tmp_path):
    """Its card keeps the entries of the other one: its parent, its task and its scores are not these."""
    card = {"task": {"name": "simclr"}, "scores": {"accuracy": 0.5}}
    put(tmp_path / "run", "R", of("imagenet", "I"), **card)
    put(tmp_path / "white", "W", of("imagenet", "I"), name="run, whitened", whitened={"from": "R"}, **card)
    found = read_lineage(tmp_path)
    assert found.parents == {"white": "run"} and found.missing == []
    assert (found.nodes["white"].task, found.nodes["white"].scores) == ("whitened", {})
    assert drawn(found.rows()[0]) == "imagenet (loaded by name)"


def test_a_missing_parent_is_named_with_its_fingerprint(tmp_path):
    put(tmp_path / "x", "X", of("gone", "0123456789"))
    put(tmp_path / "y", "Y", of("gone", "0123456789"))
    made = lineage(tmp_path)
    assert made.metrics["missing_parents"] == 1 and made.to_dict()["missing"] == [of("gone", "0123456789")]
    assert "gone (01234567): not in this folder" in str(made) and "fingerprint 0123456789" in str(made)
    assert {one["parent_kind"] for one in made.to_dict()["representations"]} == {"missing"}


@pytest.mark.parametrize("size", [2, 3])
def test_a_circle_is_cut_once_and_told(tmp_path, size):
    for k in range(size):
        put(tmp_path / f"r{k}", f"F{k}", of(f"r{(k + 1) % size}", f"F{(k + 1) % size}"))
    put(tmp_path / "tail", "T", of("r1", "F1"))
    found = read_lineage(tmp_path)
    assert found.loops == ("r0",) and len(found.parents) == size
    assert sorted(row.title for row in found.rows()) == sorted(found.nodes), "each is drawn once"
    assert "its parents lead back to itself" in drawn(found.rows()[0]) and found.missing == []


def test_foreign_and_damaged_files_are_passed_over_or_set_aside(tmp_path):
    good = put(tmp_path / "good", "G")
    put(tmp_path / "list", "L").joinpath("card.json").write_text("[1]")
    put(tmp_path / "name", "N").joinpath("card.json").write_text('{"name": 3}')
    put(tmp_path / "torn", "T").joinpath("card.json").unlink()
    put(tmp_path / ".hidden", "H")
    put(tmp_path / "timm", "M").joinpath("card.json").unlink()
    (tmp_path / "timm/config.json").write_text('{"architecture": "resnet18", "pretrained_cfg": {}}')
    put(tmp_path / "other", "O").joinpath("config.json").write_text('{"architectures": ["ViTModel"]}')
    (tmp_path / "other/card.json").unlink()
    (tmp_path / "index").mkdir()
    (tmp_path / "index/card.json").write_text("not ours")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/run.json").write_text("{}")
    (tmp_path / "again").symlink_to(tmp_path)
    found = read_lineage(tmp_path)
    assert sorted(found.nodes) == ["good", "timm"] and found.unfinished == ("begun",)
    assert {one["path"] for one in found.set_aside} == {"list", "name", "torn", "other"}
    assert next(one["cause"] for one in found.set_aside if one["path"] == "torn").startswith("card.json is not there")
    assert found.nodes["timm"].parent is None
    assert sorted(read_lineage(good).nodes) == ["."], "the folder itself may be one"


def test_an_empty_folder_and_none(tmp_path):
    made = lineage(tmp_path, report=tmp_path / "page.html")
    assert made.metrics["representations"] == 0 and "no representation below" in str(made)
    assert "No representation below" in (tmp_path / "page.html").read_text()
    with pytest.raises(InputError, match="FOLDER"):
        read_lineage(tmp_path / "none")


def test_the_page_draws_every_line_and_escapes_names(tmp_path):
    put(tmp_path / "a<b>", "A", of("<script>alert(1)</script>", "P"), task="labels")
    for k in range(1, 20):  # deeper than is drawn apart
        put(tmp_path / f"n{k:02d}", f"N{k}", of("a<b>" if k == 1 else f"n{k - 1:02d}", "A" if k == 1 else f"N{k - 1}"))
    page = write_lineage_page(read_lineage(tmp_path), tmp_path / "page.html").read_text()
    svg = page[page.index('<svg class="plot"') :]
    svg = svg[: svg.index("</svg>")]
    assert svg.count("<circle") == 21 and "<script>" not in svg and "a&lt;b&gt;" in svg
    assert "[level 19]" in svg
    assert all(0 <= float(x) <= 560 for x in re.findall(r'<text x="([\d.]+)"', svg))
