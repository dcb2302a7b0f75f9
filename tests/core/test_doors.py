"""What comes from outside has one door for each kind: no other file of the package opens it."""

import ast
from pathlib import Path

import pytest

import regard

SOURCE = Path(regard.__file__).parent
DOORS = {
    "Image.open": {"data/_opened.py"},
    # the log skips a line that a kill cut short; a Parquet file may carry a text of another program in its header
    "json.loads": {"core/reading.py", "core/event_log.py", "data/encoded.py"},
    "json.load": set(),
    "torch.load": {"representation/kinds/imagenet.py"},  # of an installed package, weights only
    "np.load": {
        "representation/vector_files.py",
        "data/builtin.py",
        "data/annotations/depth_values.py",  # one array
        "reuse/search/index/snapshot.py",
        "reuse/dense/given_boxes.py",  # after `check_members`
        "lifelong/embedded_again.py",  # the same, of its own work
    },
    "pickle.load": set(),
    "pickle.loads": set(),
    "joblib.load": set(),
    "eval": set(),
    "exec": set(),
}


def called() -> set[tuple[str, str]]:
    """(file, what it calls), by the last two names: `Image.open`."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ".".join(ast.unparse(node.func).split(".")[-2:])
                found.add((path.relative_to(SOURCE).as_posix(), name))
    return found


@pytest.mark.parametrize("name", DOORS)
def test_nothing_else_opens_it(name: str) -> None:
    assert {file for file, what in called() if what == name} == DOORS[name]


def test_every_file_of_arrays_and_weights_is_read_without_pickle() -> None:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "torch.load"):
                said = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert said.get("allow_pickle") == "False" or said.get("weights_only") == "True", path
