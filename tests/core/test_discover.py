import os
import sys

import pytest

from regard.core import discover
from regard.core.checks import InputError


@pytest.fixture
def methods(tmp_path, monkeypatch):
    """A folder of methods of a kind of its own: one that works, one that is broken inside."""
    package = tmp_path / "some_methods"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "good.py").write_text('"""Good: the idea in a line.\n\nMore."""\nMethod = int\n')
    (package / "broken.py").write_text("import a_module_that_is_not_there\nMethod = int\n")
    (package / "unnamed.py").write_text("x = 1\n")
    (package / "_common.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(discover.KINDS, "test", ("some_methods",))
    yield package
    for name in [name for name in sys.modules if name.startswith("some_methods")]:
        del sys.modules[name]


def test_names_come_from_files(methods):
    assert discover.names("test") == ["broken", "good", "unnamed"]
    assert discover.load("test", "good") is int
    assert discover.summary("test", "good") == "Good: the idea in a line."


def test_a_broken_method_is_not_a_missing_one(methods):
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        discover.load("test", "broken")
    with pytest.raises(InputError, match="Did you mean 'good'"):
        discover.load("test", "godo")
    with pytest.raises(InputError, match="no name `Method`"):
        discover.load("test", "unnamed")


def test_a_new_file_is_found_without_an_edit(methods):
    (methods / "newer.py").write_text("Method = float\n")
    assert "newer" in discover.names("test")


def test_what_is_installed_while_it_runs_is_found_and_what_is_removed_is_not(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(discover.KINDS, "late", ())
    assert discover.names("late") == []
    for turn, name in enumerate(("first", "second"), 1):
        told = tmp_path / f"{name}-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (told / "entry_points.txt").write_text(f"[regard.late]\n{name} = builtins:dict\n")
        os.utime(tmp_path, ns=(turn, turn))  # clocks of file systems tick slowly
        assert name in discover.names("late")
    (tmp_path / "first-1.0.dist-info" / "entry_points.txt").unlink()
    (tmp_path / "first-1.0.dist-info" / "METADATA").unlink()
    (tmp_path / "first-1.0.dist-info").rmdir()
    os.utime(tmp_path, ns=(3, 3))
    assert discover.names("late") == ["second"]


def test_entry_points_of_other_packages_are_methods_too(methods, monkeypatch):
    point = discover.EntryPoint("theirs", "builtins:dict", "regard.test")
    monkeypatch.setattr(discover, "_points", lambda kind: (point,))
    assert "theirs" in discover.names("test")
    assert discover.load("test", "theirs") is dict
