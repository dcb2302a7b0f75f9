"""The object of `--json` has one shape over all verbs, and one name for one thing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import regard
import regard.cli
from helpers.depth import depth_folder
from regard.cli import main, verbs
from regard.data.annotations.kitti import write_kitti
from regard.data.annotations.voc_write import write_voc
from regard.data.scenes import scenes

SMALL = "random:convnet4"
VERDICTS = {"gain", "loss", "no gain", "too few to say"}
LINES = {
    "embed": f"embed train --with {SMALL} --out z.npz",
    "create": "create train --task rotation --steps 2 --out run",
    "probe": f"probe train test --with {SMALL}",
    "finetune": f"finetune train test --with {SMALL} --steps 2 --out tuned",
    "evaluate": f"evaluate {SMALL} --on train test --shots 1 --seeds 2 --no-finetune --no-layers",
    "robustness": f"robustness {SMALL} test --train train --against {SMALL}:1 --corruptions contrast --severities 2",
    "look": f"look {SMALL} train --layer blocks.2 --units 1 --images 1",
    "compare": f"compare train test --task retrieve --with A={SMALL}:1 --with random --seeds 3",
    "history": "history train test --networks alexnet --no-references --no-classic --seeds 2 --steps 2 --batch 8 "
    "--lr 0.001 --size 16 --out line",
    "whiten": f"whiten train --with {SMALL} --dim 8 --out white",
    "index": f"index train --with {SMALL} --out index-new",
    "index-upgrade": f"index-upgrade index --with {SMALL}:3 --pairs 12 --out index-other",
    "search": f"search index test/a/0.png bad.png --with {SMALL}",
    "search-eval": "search-eval index labels --rerank qe",
    "duplicates": "duplicates train",
    "shift": f"shift train test --with {SMALL} --permutations 10",
    "adapt": f"adapt train test --with {SMALL} --method coral",
    "compare-adapt": f"compare-adapt train test --with {SMALL} --methods coral,subspace --seeds 4 --no-auto",
    "compare-adapt --deep": f"compare-adapt train test --with {SMALL} --deep --methods coral,adabn --no-auto --seeds 2 "
    "--steps 2 --batch 4",
    "methods": "methods adapt",
    "learn": f"learn train --with {SMALL} --method ncm --out learned",
    "play": f"play days.toml --with {SMALL} --methods ncm,slda --seeds 2 --out plays",
    "lineage": "lineage .",
    "next": "next train --from found",
    "detect train": f"detect train scenes --with {SMALL} --size 32 --steps 2 --out boxes",
    "detect evaluate": "detect evaluate found scenes_b",
    "detect predict": "detect predict found scenes_b",
    "instances train": f"instances train scenes --with {SMALL} --size 32 --steps 2 --out masks",
    "depth train": f"depth train deep --with {SMALL} --size 32 --steps 2 --out far",
    "boxes3d train": f"boxes3d train street --with {SMALL} --size 32 --steps 2 --out space",
    "segment train": f"segment train scenes --with {SMALL} --size 32 --steps 2 --out pixels",
}


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(0)
    for folder in ("train", "test"):
        for label in "ab":
            (root / folder / label).mkdir(parents=True)
            for number in range(10):
                pixels = rng.integers(100 * (label == "a"), 155 + 100 * (label == "a"), (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / folder / label / f"{number}.png")
        (root / folder / "a" / "bad.png").write_bytes(b"no image")
    (root / "bad.png").write_bytes(b"no image")
    (root / "days.toml").write_text('[[tasks]]\nname = "day"\ntrain = "train"\nchunk = 6\n')
    from regard.representation.embed import embed
    from regard.reuse.search.index.search_index import SearchIndex

    SearchIndex.create(root / "index", embed(str(root / "train"), SMALL, cache=False))
    for name, family in (("scenes", "a"), ("scenes_b", "b")):
        write_voc(scenes(10, size=32, family=family), root / name)
        (root / name / "JPEGImages" / "bad.png").write_bytes(b"no image")
    depth_folder(root / "deep", 10)
    (root / "deep" / "images" / "bad.png").write_bytes(b"no image")
    write_kitti(scenes(10, size=32), root / "street")
    (root / "street" / "image_2" / "bad.png").write_bytes(b"no image")
    shape = {"with_": SMALL, "size": 32, "steps": 1}
    regard.detect.train(scenes(8, size=32, seed=5), out=root / "found", **shape)
    return root


@pytest.mark.parametrize("verb", sorted({*verbs()} - {line.split()[0] for line in LINES}))
def test_other_verbs_give_their_result_alike(verb):
    """What takes minutes, or has a test of its own: the result's `to_dict` is what makes the shape."""
    source = Path(regard.cli.__file__).with_name(f"{verb.replace('-', '_')}.py").read_text(encoding="utf-8")
    assert "give(" in source and "say_json" not in source


@pytest.mark.parametrize("verb", LINES)
def test_the_shape(given, monkeypatch, capsys, verb):
    monkeypatch.chdir(given)
    status = main([*LINES[verb].split(), "--json", "-q"] if verb != "methods" else [*LINES[verb].split(), "--json"])
    shown = capsys.readouterr()
    assert status == 0, shown.err
    (line,) = shown.out.splitlines()
    found = json.loads(line)
    metrics = found["metrics"]
    assert all(
        value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in metrics.values()
    )
    assert metrics["seconds"] >= 0 and metrics["set_aside"] == len(found["set_aside"])
    assert all(isinstance(note, str) for note in found["notes"])
    assert all(one["name"] and one["cause"] and isinstance(one["cause"], str) for one in found["set_aside"])
    if verb not in ("methods", "search-eval", "lineage", "index-upgrade"):
        assert any(one["name"].endswith("bad.png") for one in found["set_aside"]), found["set_aside"]
    for one in found["differences"]:
        assert {"name", "mean", "low", "high", "verdict"} <= set(one) and one["verdict"] in VERDICTS
    assert set(found["verdicts"].values()) <= VERDICTS
    if verb in ("adapt", "compare-adapt", "compare-adapt --deep", "evaluate", "search-eval", "whiten"):
        assert found["differences"] and found["verdicts"]
        assert any(name.endswith("_gain_low") for name in metrics), sorted(metrics)
    # one name for one thing
    wanted = {
        "images": (
            "embed",
            "robustness",
            "look",
            "create",
            "learn",
            "index",
            "index-upgrade",
            "whiten",
            "duplicates",
            "detect evaluate",
            "detect predict",
        ),
        "train": ("probe", "finetune", "evaluate", "history", *(verb for verb in LINES if verb.endswith(" train"))),
        "source": ("adapt", "compare-adapt", "compare-adapt --deep", "shift"),
        "collection": ("search", "search-eval"),
    }
    for name, having in wanted.items():
        assert (name in metrics) == (verb in having), (name, sorted(metrics))


@pytest.mark.parametrize(
    "line", ["embed im --out o.npz", "index im --out ix", "duplicates im", "probe im", "shift im im"]
)
def test_files_passed_over_are_told_once_by_every_verb(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for k in range(24):
        place = tmp_path / "im" / "ab"[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(k).integers(0, 255, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{k}.png")
    for name in ("a/x.cr2", "a/y.mp4", "b/z.pdf"):
        (tmp_path / "im" / name).write_bytes(b"other")
    words = [*line.split(), *([] if line.startswith("dup") else ["--with", "random:convnet4"])]
    assert main([*words, "--json", "-q"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    said = "1 RAW file (.cr2), 1 video (.mp4) and 1 PDF file passed over, such as a/x.cr2"
    assert notes.count(said) == 1 and all(isinstance(note, str) for note in notes)
