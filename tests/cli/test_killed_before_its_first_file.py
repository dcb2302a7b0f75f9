"""A folder that holds nothing but what a killed run left is as good as empty, whichever verb writes there."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.cli import main
from regard.core.checks import InputError, check_output
from regard.core.storage import appearing, new_folder
from regard.data.annotations.voc_write import write_voc
from regard.data.scenes import scenes

SMALL = "--with random:convnet4"
LINES = {
    "create": "create photos --task rotation --backbone convnet4 --steps 1 --out",
    "finetune": f"finetune photos {SMALL} --steps 1 --out",
    "whiten": f"whiten photos {SMALL} --dim 4 --out",
    "adapt": f"adapt photos photos {SMALL} --method coral --out",
    "index": f"index photos {SMALL} --out",
    "export": "export random:convnet4 --format timm --out",
    "detect": f"detect train scenes {SMALL} --size 32 --steps 1 --out",
}


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("killed")
    draw = np.random.default_rng(0)
    for k in range(24):
        place = root / "photos" / "ab"[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 255, (24, 24, 3), np.uint8)).save(place / f"{k}.png")
    write_voc(scenes(6, size=32), root / "scenes")
    return root


@pytest.fixture(scope="module")
def dead() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.parametrize("verb", LINES)
def test_the_same_command_goes_on(given, dead, tmp_path, monkeypatch, capsys, verb) -> None:
    monkeypatch.chdir(given)
    out = tmp_path / "out"
    out.mkdir()
    (out / f".run.json.{dead}-abcdef.tmp").write_text("half")
    (out / f".parts.{dead}-abcdef.tmp").mkdir()
    status = main([*LINES[verb].split(), str(out), "--json", *(["-q"] if verb != "export" else [])])
    assert status == 0, capsys.readouterr().err
    assert not [path.name for path in out.rglob("*.tmp")] and any(out.iterdir())


def test_other_files_are_still_refused(dead, tmp_path) -> None:
    (tmp_path / f".run.json.{dead}-abcdef.tmp").write_text("half")
    (tmp_path / "notes.txt").write_text("mine")
    for refuses in (
        lambda: check_output("--out", tmp_path, folder=True, marker="run.json"),
        lambda: new_folder("--out", tmp_path),
    ):
        with pytest.raises(InputError, match="holds other files"):
            refuses()
    with pytest.raises(OSError), appearing(tmp_path):
        pass
    assert (tmp_path / "notes.txt").read_text() == "mine"
