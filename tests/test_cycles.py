"""No circles: no file reaches itself through its imports, and no two neighbours in a folder need each other."""

import os
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from helpers.circles import files_in_circles

# folders whose rooms need each other though no files do: an image set carries annotations that are read by its readers
KNOWN = {"regard.data", "regard.reuse", "regard.reuse.search"}


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("regard", cache_dir=None, exclude_type_checking_imports=True)


def test_a_circle_is_seen():
    assert files_in_circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "e": {"a"}}) == [["a", "b", "c"]]
    assert files_in_circles({"a": {"b", "c"}, "b": {"c"}}) == []


def test_lint_imports_forbids_a_circle(tmp_path):
    for name, text in (("a", "from . import b"), ("b", "from . import c"), ("c", "")):
        (tmp_path / "package").mkdir(exist_ok=True)
        (tmp_path / f"package/{name}.py").write_text(text)
    (tmp_path / "package/__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.importlinter]\nroot_package = "package"\ncontract_types = ["no_circles: helpers.circles.NoCircles"]\n'
        '[[tool.importlinter.contracts]]\nname = "No circles"\ntype = "no_circles"\n'
    )
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    found = {}
    for text in ("", "from .a import b"):
        (tmp_path / "package/c.py").write_text(text)
        environ = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        found[text] = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert found[""].returncode == 0, found[""].stdout
    ended = found["from .a import b"]
    assert ended.returncode == 1 and "package.a, package.b, package.c" in ended.stdout


def test_neighbours_in_a_folder_have_an_order(graph):
    found = {name: graph.nominate_cycle_breakers(name) for name in sorted(graph.modules) if graph.find_children(name)}
    assert {name: sorted(pairs) for name, pairs in found.items() if pairs and name not in KNOWN} == {}
