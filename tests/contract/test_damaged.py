"""Whatever regard keeps, damaged in any way: the same result, or a sentence; never another exception or result.

The ways are those of `bench/hostile.py`, of which a few are drawn here; each run draws the same.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from regard.core.checks import InputError, RunError

BENCH = Path(__file__).parents[2] / "bench"
TRIED = {"representation": 24, "timm folder": 10, "run": 10, "fine-tuned run": 12, "index": 16, "stopped run": 6}


@pytest.fixture(scope="module")
def folders():
    sys.path.insert(0, str(BENCH))
    try:
        import _hostile_folders
        import _hostile_kinds

        yield _hostile_folders, _hostile_kinds
    finally:
        sys.path.remove(str(BENCH))


KINDS = ("npz", "parquet", "table", "representation", "timm folder", "run", "stopped run", "fine-tuned run", "index")
KINDS += ("decisions", "vector cache", "search cache")


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told_or_changes_nothing(folders, tmp_path, monkeypatch, kind):
    ways_of, kinds = folders
    one = next(iter(kinds.kinds(tmp_path, 0, (kind,))))
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    kinds.MAKERS[kind](one.path, tmp_path / "images", 0)
    wanted = one.use(one.path)
    ways = list(ways_of.damage(one.path, 0))
    rng = np.random.default_rng(0)
    picked = [ways[i] for i in sorted(rng.permutation(len(ways))[: TRIED.get(kind, 24)])]
    refused, wrong = 0, []
    for way in picked:
        copy = tmp_path / "copy" / one.path.name
        copy.parent.mkdir()
        (shutil.copytree if one.path.is_dir() else shutil.copyfile)(one.path, copy)
        try:
            way.act(copy)
            if one.use(copy) != wanted and (one.sealed or way.shape):
                wrong.append(f"{way.name}: another result")
        except (InputError, RunError):
            refused += 1
        except Exception as error:
            wrong.append(f"{way.name}: {error!r:.200}")
        shutil.rmtree(copy.parent)
    assert not wrong
    assert refused or "cache" in kind
