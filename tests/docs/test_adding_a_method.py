"""CONTRIBUTING and "Adding a method" say what works: that page's adapter is put into a package of its own and used.

What is run is the page's text: its first Python block is the file, its TOML block the entry point.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from regard.core.discover import KINDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "adding-a-method.md"


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """A package with the page's adapter, as pip would install it."""
    text = PAGE.read_text(encoding="utf-8")
    code = re.search(r"^```python\n(.*?)^```", text, re.S | re.M)
    points = tomllib.loads(re.search(r"^```toml\n(.*?)^```", text, re.S | re.M)[1])["project"]["entry-points"]
    (group,) = points
    ((name, target),) = points[group].items()
    module = target.partition(":")[0]
    file = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True)
    (file.parent / "__init__.py").touch()
    file.write_text(code[1], encoding="utf-8")
    told = tmp_path / f"{module.partition('.')[0]}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.partition('.')[0]}\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
    assert (group, name) == ("regard.adapt", "mean"), "which the tests below name"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return tmp_path


def python(*arguments: str) -> str:
    """What a new process prints; it must succeed."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_adapter_of_the_page_is_found_and_passes_the_contract_tests(installed) -> None:
    code = "from regard.core.discover import names; assert 'mean' in names('adapt')"
    python("-c", code)
    said = python("-m", "pytest", "tests/contract/test_adapters.py", "-k", "mean", "-q", "-p", "no:cacheprovider")
    passed = int(re.search(r"(\d+) passed", said)[1])
    assert passed > 40 and "failed" not in said


def test_the_folders_and_files_that_are_named_are_there() -> None:
    for page in (ROOT / "CONTRIBUTING.md", PAGE):
        for path in re.findall(r"`((?:src|docs|tests|bench)/[\w./-]*)`", page.read_text(encoding="utf-8")):
            where = ROOT / path
            assert (where.parent if re.search("NAME|VERB|/mean.py", path) else where).exists(), f"{page.name}: {path}"


def test_the_table_has_every_kind_with_its_folders() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    told = {kind: tuple(re.findall(r"`src/([\w/]+)`", folders)) for kind, folders in rows if "src/" in folders}
    assert told == {kind: tuple(one.replace(".", "/") for one in KINDS[kind]) for kind in KINDS}
