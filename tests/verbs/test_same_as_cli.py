"""Each verb's function, called as in a notebook, gives the JSON that the command line prints.

A verb is found by its file; one without a case here fails.
"""

import inspect
import json
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import regard
from helpers.demo import check_demo
from helpers.depth import depth_folder
from regard.cli import main
from regard.core.storage import plain
from regard.data.annotations.kitti import write_kitti
from regard.data.annotations.voc_write import write_voc
from regard.data.scenes import scenes
from regard.verbs._result import Result

SMALL = {"with_": "random:convnet4"}
# verb -> the words of a command line, and the same call in Python; they run in folders of their own
CASES: dict[str, tuple[str, Callable[[], Result]]] = {
    "adapt": (
        "adapt train.npz test.npz --method coral --set reg=0.5 --out said.csv",
        lambda: regard.adapt(  # type: ignore[operator]
            "train.npz", "test.npz", method="coral", set_={"reg": 0.5}, out="said.csv"
        ),
    ),
    "bet": (
        "bet ../scenes --test ../others --tasks rotation --protocols faster_rcnn --no-imagenet --size 32 --seeds 1 "
        "--steps 2,3 --out bet",
        lambda: regard.bet(
            "../scenes",
            test="../others",
            tasks=["rotation"],
            protocols="faster_rcnn",
            no_imagenet=True,
            size=32,
            seeds=1,
            steps=(2, 3),
            out="bet",
        ),
    ),
    "compare": (
        "compare train test --task retrieve --with A=random:convnet4:1 --with random --seeds 3 --out compared",
        lambda: regard.compare(
            "train",
            "test",
            task="retrieve",
            with_={"A": "random:convnet4:1", "random": "random"},
            seeds=3,
            out="compared",
        ),
    ),
    "compare_adapt": (
        "compare-adapt train.npz test.npz --methods coral,subspace --seeds 4 --report page.html",
        lambda: regard.compare_adapt("train.npz", "test.npz", methods="coral,subspace", seeds=4, report="page.html"),
    ),
    "create": (
        "create train --task rotation --steps 2 --batch 8 --out run",
        lambda: regard.create("train", task="rotation", steps=2, batch=8, out="run"),  # type: ignore[operator]
    ),
    "decompose": (
        "decompose train.npz test.npz --axes 2,4 --capacity 2 --steps 10 --cuts 3 --out taken",
        lambda: regard.decompose("train.npz", "test.npz", axes=[2, 4], capacity=2, steps=10, cuts=3, out="taken"),
    ),
    "demo": (
        "demo --seeds 2 --steps 40 --out demo",
        lambda: regard.demo(seeds=2, steps=40, out="demo"),
    ),
    "duplicates": (
        "duplicates ../copies --kind identical,same-photo --limit 5 --out page.html",
        lambda: regard.duplicates("../copies", kind=["identical", "same-photo"], limit=5, out="page.html"),
    ),
    "embed": (
        "embed train --with random:convnet4 --shard 1/2 --no-cache --out z.parquet",
        lambda: regard.embed("train", **SMALL, shard=(1, 2), no_cache=True, out="z.parquet"),
    ),
    "evaluate": (
        "evaluate random:convnet4 --on train test --shots 1 --seeds 2 --no-finetune --no-layers --out page.html",
        lambda: regard.evaluate(
            "random:convnet4",
            on=("train", "test"),
            shots=[1],
            seeds=2,
            no_finetune=True,
            no_layers=True,
            out="page.html",
        ),
    ),
    "export": (
        "export random:convnet4 --format torchscript --out it.pt",
        lambda: regard.export("random:convnet4", format_="torchscript", out="it.pt"),
    ),
    "finetune": (
        "finetune train test --with random:convnet4 --steps 2 --set smoothing=0.2 --out tuned",
        lambda: regard.finetune("train", "test", **SMALL, steps=2, set_={"smoothing": 0.2}, out="tuned"),
    ),
    "index": (
        "index train --with random:convnet4 --metric euclidean --tag first --out index",
        lambda: regard.index("train", "index", **SMALL, metric="euclidean", tag="first"),
    ),
    "learn": (
        "learn train --with random:convnet4 --method ncm --set metric=cosine --out learned",
        lambda: regard.learn("train", **SMALL, method="ncm", set_={"metric": "cosine"}, out="learned"),
    ),
    "play": (
        "play ../days.toml --with random:convnet4 --methods ncm,slda --against slda --seeds 2 --out plays",
        lambda: regard.play("../days.toml", **SMALL, methods=["ncm", "slda"], against="slda", seeds=2, out="plays"),
    ),
    "history": (
        "history train test --networks alexnet,resnet --no-classic --no-references --seeds 2 --steps 2 --batch 8 "
        "--lr 0.001 --size 16 --out line",
        lambda: regard.history(
            "train",
            "test",
            networks=["alexnet", "resnet"],
            no_classic=True,
            no_references=True,
            seeds=2,
            steps=2,
            batch=8,
            lr=0.001,
            size=16,
            out="line",
        ),
    ),
    "lineage": ("lineage .. --report page.html", lambda: regard.lineage("..", report="page.html")),
    "look": (
        "look ../tuned test --layer blocks.0 --layer blocks.2 --units 2 --images 2 --class b --out page.html",
        lambda: regard.look(
            "../tuned", "test", layer=["blocks.0", "blocks.2"], units=2, shown=2, class_="b", out="page.html"
        ),
    ),
    "index_upgrade": (
        "index-upgrade ../there --with random:convnet4:3 --pairs 12 --budget 2 --seed 1 --out upgraded",
        lambda: regard.index_upgrade("../there", "random:convnet4:3", pairs=12, budget=2, seed=1, out="upgraded"),
    ),
    "methods": ("methods adapt", lambda: regard.methods("adapt")),
    "next": (
        "next train --from ../tuned --allow-leak --most 12 --report page.html",
        lambda: regard.next("train", from_="../tuned", allow_leak=True, most=12, report="page.html"),
    ),
    "predict": (
        "predict ../tuned test --top 2 --no-cache --page page.html",
        lambda: regard.predict("../tuned", "test", top=2, no_cache=True, page="page.html"),
    ),
    "probe": (
        "probe train test --with random:convnet4 --shots 2 --seeds 2",
        lambda: regard.probe("train", "test", **SMALL, shots=[2], seeds=2),
    ),
    "robustness": (
        "robustness random:convnet4 test --train train --corruptions contrast,fog --severities 1,5 --out page.html",
        lambda: regard.robustness(
            "random:convnet4",
            "test",
            train="train",
            corruptions=["contrast", "fog"],
            severities=(1, 5),
            out="page.html",
        ),
    ),
    "search": (
        "search ../there train/a/0.png test/b/1.png --not test/a/2.png --rerank qe --top 3 --out page.html",
        lambda: regard.search(
            "../there", ["train/a/0.png", "test/b/1.png"], not_="test/a/2.png", rerank=["qe"], top=3, out="page.html"
        ),
    ),
    "search_eval": (
        "search-eval ../there labels --sample 8 --rerank qe --seed 1 --out page.html",
        lambda: regard.search_eval("../there", "labels", sample=8, rerank=["qe"], seed=1, out="page.html"),
    ),
    "shift": (
        "shift train test --with random:convnet4 --permutations 10",
        lambda: regard.shift("train", "test", **SMALL, permutations=10),
    ),
    "whiten": (
        "whiten train --with random:convnet4 --pooling gem --set p=2.0 --dim 4 --check 10 --out whitened",
        lambda: regard.whiten("train", "whitened", **SMALL, pooling="gem", set_={"p": 2.0}, dim=4, check=10),
    ),
}
GROUPS = ("detect", "instances", "segment", "depth", "boxes3d")
LEARNED = {"depth": "deep", "boxes3d": "street"}  # what a group learns from
SCORED = {"depth": "deep_others", "boxes3d": "street_others"}  # and is scored on
SHORT = {"with_": "random:convnet4", "size": 32, "steps": 2, "batch": 4}
for group in GROUPS:  # one object with a function for each command
    CASES |= {
        f"{group}.train": (
            f"{group} train ../{LEARNED.get(group, 'scenes')} --with random:convnet4 --size 32 --steps 2 --batch 4 "
            f"--seed 3 --out {group}-run",
            lambda group=group: getattr(regard, group).train(
                f"../{LEARNED.get(group, 'scenes')}", **SHORT, seed=3, out=f"{group}-run"
            ),  # type: ignore
        ),
        f"{group}.evaluate": (
            f"{group} evaluate ../{group} ../{SCORED.get(group, 'others')} --batch 3",
            lambda group=group: getattr(regard, group).evaluate(
                f"../{group}", f"../{SCORED.get(group, 'others')}", batch=3
            ),  # type: ignore
        ),
        f"{group}.predict": (
            f"{group} predict ../{group} ../{SCORED.get(group, 'others')} --batch 3",
            lambda group=group: getattr(regard, group).predict(
                f"../{group}", f"../{SCORED.get(group, 'others')}", batch=3
            ),  # type: ignore
        ),
    }
SLOW = {"bet", "demo"}
FILES = sorted(path.stem for path in Path(regard.__file__).with_name("verbs").glob("[!_]*.py"))
# a group is an object with a function for each of its commands
VERBS = [
    name
    for stem in FILES
    for name in ([f"{stem}.{one}" for one in ("evaluate", "predict", "train")] if stem in GROUPS else [stem])
]
# what a clock or the memory's meter says, and the checksum of a file that holds it
CLOCK = ("seconds", "per_second", "_mib", "metrics.json")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two places of the same content, so that what one call writes the other does not find; and a run beside them."""
    root = tmp_path_factory.mktemp("same")
    for place in ("cli", "python"):
        rng = np.random.default_rng(0)
        for folder in ("train", "test"):
            for label in "ab":
                (root / place / folder / label).mkdir(parents=True)
                for number in range(8):
                    low = 100 * (label == "a")
                    pixels = rng.integers(low, 155 + low, (32, 32, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(root / place / folder / label / f"{number}.png")
            (root / place / folder / "a" / "bad.png").write_bytes(b"no image")
            x, y = rng.normal(size=(40, 6)).astype(np.float32), np.arange(40) % 2
            x += y[:, None] + (folder == "test")
            np.savez(root / place / f"{folder}.npz", vectors=x, ids=np.arange(40), labels=y)
    regard.finetune(root / "cli" / "train", out=root / "tuned", **SMALL, steps=2)
    regard.index(root / "cli" / "train", root / "there", **SMALL)
    shutil.copytree(root / "cli" / "train" / "a", root / "copies")
    shutil.copy(root / "copies" / "0.png", root / "copies" / "again.png")
    (root / "days.toml").write_text('name = "days"\n[[tasks]]\nname = "day"\ntrain = "cli/train"\nchunk = 6\n')
    write_voc(scenes(10, size=32), root / "scenes")
    write_voc(scenes(4, size=32, family="b"), root / "others")
    depth_folder(root / "deep", 10)
    depth_folder(root / "deep_others", 4, family="b")
    write_kitti(scenes(10, size=32), root / "street")
    write_kitti(scenes(4, size=32, family="b"), root / "street_others")
    for group in GROUPS:
        getattr(regard, group).train(root / LEARNED.get(group, "scenes"), out=root / group, **SHORT)
    return root


@pytest.mark.parametrize("verb", [pytest.param(v, marks=[pytest.mark.slow] * (v in SLOW)) for v in VERBS])
def test_a_call_gives_what_the_command_prints(
    given: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert verb in CASES, f"a new verb: add the same command and call of {verb} to CASES"
    line, call = CASES[verb]
    if verb == "demo":  # minutes of training, whose result does not depend on who asked
        study = import_module("regard.studies.demo")
        once = cache(lambda **asked: study_run(given / "runs", **asked))
        study_run = study.run_demo
        monkeypatch.setattr(study, "run_demo", lambda out, *, watch, **asked: once(**asked))
    monkeypatch.chdir(given / "cli")
    status = main([*line.split(), "--json", *(["-q"] if verb != "methods" else [])])
    shown = capsys.readouterr()
    assert status == 0, shown.err
    (told,) = shown.out.splitlines()
    monkeypatch.chdir(given / "python")
    found = call()
    assert isinstance(found, Result) and found.verb.replace("-", "_") == verb.rpartition(".")[2]
    # each has a folder of its own
    own, theirs = (json.dumps(str(given / place))[1:-1] for place in ("python", "cli"))
    assert unclocked(json.loads(json.dumps(found.to_dict()).replace(own, theirs))) == unclocked(json.loads(told))
    assert capsys.readouterr().out == "", "a function prints nothing"
    shows_itself(found, given / "python" / f"{verb}-page.html")
    if verb == "demo":
        check_demo(json.loads(told), given / "cli" / "demo")


def shows_itself(found: Result, page: Path) -> None:
    """As text, in a notebook, as a page, as a data frame."""
    assert str(found).strip() and found._repr_html_().startswith("<")
    assert found.to_html(page) == page and "</html>" in page.read_text()
    frame = found.to_pandas()
    assert len(frame) == len(found.rows().rows) > 0 and list(frame.columns) == list(found.rows().columns)
    with pytest.raises(AttributeError):
        found.metrics = {}  # type: ignore[misc]


def unclocked(told: Any) -> Any:
    """A result without what depends on the clock and on memory."""
    if isinstance(told, Mapping):
        return {name: unclocked(value) for name, value in told.items() if not any(part in name for part in CLOCK)}
    if isinstance(told, list):
        return [unclocked(one) for one in told]
    return told


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_an_argument_of_that_name_and_default(verb: str) -> None:
    stem, _, name = verb.partition(".")
    made = getattr(import_module(f"regard.cli.{stem}"), stem)
    if name:
        made = next(one.callback for one in made.registered_commands if one.name == name)
    command = inspect.signature(made).parameters
    function = inspect.signature(attrgetter(verb)(regard)).parameters
    options = {name: one for name, one in command.items() if name not in ("json", "quiet")}
    assert set(function) - {"progress"} == set(options)
    assert ("progress" in function) == ("quiet" in command) or verb in ("export", "lineage")
    for name, one in options.items():
        if one.default is inspect.Parameter.empty:  # an option that must be given may be one that a notebook can spare
            assert function[name].default in (inspect.Parameter.empty, None), name
        else:
            assert plain(function[name].default) == plain(one.default), name


def test_what_the_tests_leave_out_is_named_by_its_verb() -> None:
    assert not set(CASES) - set(VERBS)
