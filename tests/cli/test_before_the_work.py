"""What is asked wrongly is told before anything is embedded, trained or hashed: each verb with one wrong option."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.cli import main
from regard.reuse.search.index.search_index import SearchIndex

SMALL = "--with random:convnet4"


class WorkBegan(BaseException):
    """The work began, though the line could not come to a good end."""


def began(*_, **__):
    raise WorkBegan


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """Labelled and unlabelled images, an index of them, and places that cannot be written to."""
    root = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(0)
    folders = {"train": "ab", "test": "ab", "others": "cd", "one": "a"}
    for folder, classes in folders.items():
        for label in classes:
            (root / folder / label).mkdir(parents=True)
            for number in range(6):
                pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / folder / label / f"{folder}{number}.png")
    (root / "plain").mkdir()
    for number in range(12):
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(root / "plain" / f"{number}.png")
    rows = [f"{path.relative_to(root)},{n % 2},{n % 3}" for n, path in enumerate(sorted((root / "plain").iterdir()))]
    (root / "table.csv").write_text("\n".join(["path,label,group", *rows]))
    x = rng.normal(size=(20, 8)).astype(np.float32)
    np.savez(root / "vectors.npz", vectors=x, ids=np.arange(20), labels=np.arange(20) % 2)
    (root / "file").write_text("a file")
    (root / "full").mkdir()
    (root / "full" / "notes.txt").write_text("somebody's")
    for name in ("page.html", "vectors.out.npz", "made.csv"):
        (root / "folder" / name).mkdir(parents=True)
    from regard.representation.embed import embed

    for name in ("plain", "train"):
        SearchIndex.create(root / f"{name}-index", embed(str(root / name), "random:convnet4", cache=False))
    return root


WRONG = {
    "embed": [
        ("embed plain S --out folder/vectors.out.npz", "folder/vectors.out.npz"),
        ("embed plain S --out file/x.npz", "--out"),
        ("embed plain S --out locked/x.parquet", "--out"),
        ("embed plain S --out x.txt", "--out"),
        ("embed plain S --out x.npz --layer 17", "--layer"),
        ("embed plain S --out x.npz --layer -9", "--layer"),
        ("embed plain S --out x.npz --shard 4/4", "--shard"),
        ("embed plain S --out x.npz --precision fp8", "--precision"),
        ("embed plain S --out x.npz --device tpu", "--device"),
    ],
    "probe": [
        ("probe train test S --classifier lineer", "--classifier"),
        ("probe train test S --classifier ,", "--classifier"),
        ("probe train test S --shots five", "--shots"),
        ("probe train test S --shots 0", "--shots"),
        ("probe train test S --shots 100", "--shots"),
        ("probe plain test S", "labels"),
        ("probe train plain S", "labels"),
        ("probe train others S", "not in"),
        ("probe one test S", "class"),
        ("probe train S --share 1.5", "--share"),
        ("probe train S --by nothing", "--by"),
        ("probe train vectors.npz S --layers", "--layers"),
        ("probe train test S --device tpu", "--device"),
    ],
    "shift": [
        ("shift train vectors.npz S", "8"),
        ("shift train test S --device tpu", "--device"),
        ("shift train none S", "TARGET"),
    ],
    "adapt": [
        ("adapt train test S --method corel", "--method"),
        ("adapt train test S --method coral --classifier svn", "--classifier"),
        ("adapt train test S --method coral --set rag=1", "reg"),
        ("adapt train test S --method coral --set reg", "--set"),
        ("adapt train test S --method auto --by circle", "--by"),
        ("adapt train test S --method coral --tune --by circle", "--by"),
        ("adapt plain test S --method coral", "labels"),
        ("adapt one test S --method coral", "class"),
        ("adapt train others S --method coral", "class"),
        ("adapt train plain S --method coral", "--out"),
        ("adapt train plain S --method coral --method gfk --out x.csv", "--method"),
        ("adapt train test S --method coral --labelled plain", "labels"),
        ("adapt train test S --method coral --out x.txt", "--out"),
        ("adapt train test S --method coral --out folder/made.csv", "--out"),
        ("adapt train test S --method coral --out file/x.csv", "--out"),
        ("adapt train test S --method coral --out locked/x.csv", "--out"),
    ],
    "compare-adapt": [
        ("compare-adapt train test S --methods corel", "--methods"),
        ("compare-adapt train test S --methods all,coral", "--methods"),
        ("compare-adapt train test S --classifier svn", "--classifier"),
        ("compare-adapt train test S --share 0", "--share"),
        ("compare-adapt train test S --methods mcc", "--deep"),
        ("compare-adapt train test S --steps 2", "--deep"),
        ("compare-adapt train test S --deep --methods mccc", "mcc"),
        ("compare-adapt train test S --deep --by circle", "--by"),
        ("compare-adapt train plain S --deep", "labels"),
        ("compare-adapt train others S --deep", "class"),
        ("compare-adapt train test S --deep --out file/x", "--out"),
        ("compare-adapt train test S --share 2", "--share"),
        ("compare-adapt plain test S", "labels"),
        ("compare-adapt train plain S", "labels"),
        ("compare-adapt train others S", "class"),
        ("compare-adapt train test S --report x.txt", "--report"),
        ("compare-adapt train test S --report folder/page.html", "--report"),
        ("compare-adapt train test S --report file/x.html", "--report"),
    ],
    "evaluate": [
        ("evaluate random:convnet4 --on train test --shots five", "--shots"),
        ("evaluate random:convnet4 --on train test --shots 0", "--shots"),
        ("evaluate random:convnet4 --on train test --shots 100", "--shots"),
        ("evaluate random:convnet4 --on plain test --shots 1", "labels"),
        ("evaluate random:convnet4 --on train others --shots 1", "class"),
        ("evaluate random:convnet4 --on train test --shots 1 --against none", "representation"),
        ("evaluate random:convnet4 --on train test --shots 1 --device tpu", "--device"),
        ("evaluate random:convnet4 --on train test --shots 1 --out x.txt", "--out"),
        ("evaluate random:convnet4 --on train test --shots 1 --out folder/page.html", "--out"),
        ("evaluate random:convnet4 --on train test --shots 1 --out file/x.html", "--out"),
        ("evaluate random:convnet4 --on train test --shots 1 --out locked/x.html", "--out"),
    ],
    "history": [
        ("history train test --networks resnet19 --out line", "--networks"),
        ("history train test --steps 1 --minutes 1 --out line", "--steps"),
        ("history train test --lr high --out line", "--lr"),
        ("history train test --lr 0 --out line", "--lr"),
        ("history train test --precision int8 --out line", "--precision"),
        ("history train test --networks alexnet_published --size 16 --out line", "--size"),
        ("history plain test --out line", "labels"),
        ("history train others --out line", "class"),
        ("history train test --device tpu --out line", "--device"),
        ("history train test --out full", "--out"),
        ("history train test --report x.txt --out line", "--report"),
    ],
    "robustness": [
        ("robustness random:convnet4 test", "--train"),
        ("robustness random:convnet4 test --train train --against none", "representation"),
        ("robustness random:convnet4 test --train train --corruptions contrst", "Did you mean 'contrast'"),
        ("robustness random:convnet4 test --train train --corruptions ''", "--corruptions"),
        ("robustness random:convnet4 test --train train --severities 0,1", "--severities"),
        ("robustness random:convnet4 test --train train --severities high", "--severities"),
        ("robustness random:convnet4 plain --train train", "labels"),
        ("robustness random:convnet4 others --train train", "class"),
        ("robustness random:convnet4 test --train train --device tpu", "--device"),
        ("robustness random:convnet4 test --train train --out x.txt", "--out"),
        ("robustness random:convnet4 test --train train --out folder/page.html", "--out"),
    ],
    "decompose": [
        ("decompose train test --with random:none", "representation|none"),
        ("decompose train test S --capacity big", "--capacity"),
        ("decompose train test S --backbone convnet4", "--backbone"),
        ("decompose train test --backbone convnet44", "convnet4"),
        ("decompose train test S --axes few", "--axes"),
        ("decompose train test S", "12 images of 2 classes"),
        ("decompose train test --backbone convnet4", "12 images of 2 classes"),
        ("decompose plain test S", "labels"),
        ("decompose train others S", "class"),
        ("decompose train test S --device tpu", "--device"),
        ("decompose train test S --out full", "--out"),
        ("decompose train test S --out file/x", "--out"),
    ],
    "look": [
        ("look none plain", "representation"),
        ("look random:convnet4 none", "IMAGES"),
        ("look random:convnet4 plain --layer blocks.9", "blocks"),
        ("look random:convnet4 plain --way deconvnets", "Did you mean 'deconvnet'"),
        ("look random:vit_tiny_patch16_224 plain --way guided", "GELU"),
        ("look random:vit_tiny_patch16_224 plain --way patches --way deconvnet", "GELU"),
        ("look random:convnet4 plain --class cat", "--class"),
        ("look random:convnet4 plain --units 0", "--units"),
        ("look random:convnet4 plain --images 0", "--images"),
        ("look random:convnet4 plain --device tpu", "--device"),
        ("look random:convnet4 plain --out x.txt", "--out"),
        ("look random:convnet4 plain --out folder/page.html", "--out"),
        ("look random:convnet4 plain --out file/x.html", "--out"),
    ],
    "whiten": [
        ("whiten plain S --out w --pooling gemm", "--pooling"),
        ("whiten plain S --out w --pooling gem --set q=3", "q"),
        ("whiten plain S --out w --scales big", "--scales"),
        ("whiten plain S --out w --scales 1,-2", "--scales"),
        ("whiten plain S --out w --dim 4096", "--dim"),
        ("whiten plain S --out w --things nothing", "nothing"),
        ("whiten plain S --out full", "--out"),
        ("whiten plain S --out file", "--out"),
        ("whiten plain S --out file/w", "--out"),
        ("whiten plain S --out locked/w", "--out"),
        ("whiten plain S --out w --device tpu", "--device"),
    ],
    "index": [
        ("index plain S --out i --metric cosinus", "--metric"),
        ("index plain S --out full", "--out"),
        ("index plain S --out file", "--out"),
        ("index plain S --out file/i", "--out"),
        ("index plain S --out locked/i", "--out"),
        ("index plain S --out plain-index", "holds an index"),
        ("index plain S --out none --add", "none"),
        ("index plain --with random:convnet4:3 --out plain-index --add", "fingerprint|representation|made"),
        ("index plain --with random:convnet4:3 --out plain-index --update", "fingerprint|representation|made"),
        ("index plain S --out i --store nowhere", "--store"),
        ("index plain S --out i --precision fp8", "--precision"),
    ],
    "index-upgrade": [
        ("index-upgrade none S", "none"),
        ("index-upgrade plain-index --with random:convnet4", "made all of the index's vectors"),
        ("index-upgrade plain-index --with random:convnet4:3 --by nothing", "--by"),
        ("index-upgrade plain-index --with random:convnet4:3 --pairs 2", "--pairs"),
        ("index-upgrade plain-index --with random:convnet4:3 --precision int8", "--precision"),
        ("index-upgrade plain-index --with random:convnet4:3 --device tpu", "--device"),
        ("index-upgrade plain-index --with random:convnet4:3 --images one", "--images"),
        ("index-upgrade plain-index --with random:convnet4:3 --out full", "--out"),
        ("index-upgrade plain-index --with random:convnet4:3 --out train-index", "holds an index"),
        ("index-upgrade plain-index --with random:convnet4:3 --out file/i", "--out"),
        ("index-upgrade plain-index --with random:convnet4:3 --out locked/i", "--out"),
    ],
    "search": [
        ("search plain-index plain/1.png --rerank nothing", "--rerank"),
        ("search plain-index plain/1.png --search fast", "--search"),
        ("search plain-index plain/1.png --where colour=3", "where"),
        ("search plain-index plain/1.png --where label=(", "where"),
        ("search plain-index plain/1.png --at yesterday", "--at|yesterday"),
        ("search plain-index plain/1.png --relevant 2", "--relevant"),
        ("search plain-index plain/1.png --box 1,2", "--box"),
        ("search plain-index plain/1.png --box 1,2,900,900", "--box"),
        ("search plain-index plain/1.png --with random:convnet4:3", "fingerprint|representation|made"),
        ("search plain-index plain/1.png --regions", "regions"),
        ("search plain-index plain/1.png --out x.txt", "--out"),
        ("search plain-index plain/1.png --out folder/page.html", "--out"),
        ("search plain-index plain/1.png --out file/x.html", "--out"),
    ],
    "search-eval": [
        ("search-eval plain-index labels", "label"),
        ("search-eval train-index column:nothing", "nothing"),
        ("search-eval train-index labels --protocol oxfort", "protocol"),
        ("search-eval train-index labels --rerank nothing", "--rerank"),
        ("search-eval train-index labels --search fast", "--search"),
        ("search-eval train-index labels --out x.txt", "--out"),
        ("search-eval train-index labels --out folder/page.html", "--out"),
    ],
    "duplicates": [
        ("duplicates plain --kind same", "--kind"),
        ("duplicates plain --out x.txt", "--out"),
        ("duplicates plain --out folder/page.html", "--out"),
        ("duplicates plain --out file/x.html", "--out"),
        ("duplicates plain-index a b --decide maybe", "maybe"),
        ("duplicates plain-index none1 none2 --decide same", "none1"),
    ],
    "finetune": [
        ("finetune train test S --out f --layers top", "--layers"),
        ("finetune train test S --out f --layers last:90", "--layers"),
        ("finetune train test S --out f --set smooth=1", "smoothing"),
        ("finetune train test S --out f --set smoothing=7", "smoothing"),
        ("finetune train test S --out f --backbone-lr-factor 2", "--backbone-lr-factor"),
        ("finetune train test S --out f --lr 0", "--lr"),
        ("finetune train test S --out f --clip -1", "--clip"),
        ("finetune train test S --out f --minutes 0", "--minutes"),
        ("finetune train test S --out f --epochs 1 --steps 2", "--steps"),
        ("finetune plain test S --out f", "labels"),
        ("finetune train others S --out f", "class"),
        ("finetune train test S --out full", "--out"),
        ("finetune train test S --out file", "--out"),
        ("finetune train test S --out file/f", "--out"),
        ("finetune train test S --out locked/f", "--out"),
        ("finetune train test S --out f --device tpu", "--device"),
        ("finetune train test S --out f --precision fp8", "--precision"),
    ],
    "create": [
        ("create plain --task rotatoin --out r", "--task"),
        ("create plain --task rotation --out r --set angel=3", "--set"),
        ("create plain --task labels --out r", "labels"),
        ("create plain --task rotation --out r --backbone convnet44", "backbone"),
        ("create plain --task rotation --out r --keep first", "--keep"),
        ("create plain --task rotation --out r --holdout 2", "--holdout"),
        ("create plain --task rotation --out r --holdout-by identity", "--holdout-by"),
        ("create plain --task rotation --out r --balanced", "labels"),
        ("create plain --task rotation --out r --ema 1", "--ema"),
        ("create plain --task rotation --out r --patience 0", "--patience"),
        ("create train --task labels --out r --set augment=strongest", "--set"),
        ("create plain --task multilabel --out r", "labels"),
        ("create plain --task rotation --out r --size 3", "size"),
        ("create plain --task rotation --out r --lr 0", "--lr"),
        ("create plain --task rotation --out r --minutes -1", "--minutes"),
        ("create plain --task rotation --out full", "--out"),
        ("create plain --task rotation --out file", "--out"),
        ("create plain --task rotation --out file/r", "--out"),
        ("create plain --task rotation --out locked/r", "--out"),
        ("create plain --task rotation --out r --device tpu", "--device"),
        ("create plain --task rotation --out r --precision fp8", "--precision"),
        ("create plain --task rotation --task simclr --out r --keep first", "--keep"),
        ("create plain --task rotation --task labels --out r", "labels"),
    ],
    "demo": [
        ("demo --out full", "--out"),
        ("demo --out file", "--out"),
        ("demo --out file/d", "--out"),
        ("demo --out locked/d", "--out"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("line, words", [pair for pairs in WRONG.values() for pair in pairs], ids=str)
def test_the_wrong_option_is_told_first(given, tmp_path, capsys, monkeypatch, line, words):
    monkeypatch.chdir(given)
    locked = given / "locked"
    locked.mkdir(exist_ok=True)
    writable = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode, **more: "locked" not in str(path) and writable(path, mode, **more)
    )
    for place in (
        "regard.representation.pipeline.Pipeline.__iter__",
        "regard.learning.run.training",
        "regard.verbs.duplicates.find_duplicates",
        "regard.studies.demo.run_demo",
    ):
        monkeypatch.setattr(place, began)
    before = sorted(given.rglob("*"))
    status = main([*f"{line} ".replace(" S ", f" {SMALL} ").split(), "--json", "-q"])
    shown = capsys.readouterr()
    assert status == 2, shown.err
    assert any(word in shown.err for word in words.split("|")), shown.err
    assert json.loads(shown.out)["error"]
    assert sorted(given.rglob("*")) == before, "something was left behind"
