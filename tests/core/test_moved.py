"""Old names of modules that moved, and the old form of `embed`."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

import regard
from regard.core.moved import MOVED
from regard.data.builtin import builtin


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_name_gives_what_the_new_one_has(old):
    sys.modules.pop(f"regard.{old}", None)
    with pytest.warns(DeprecationWarning, match=f"regard.{old} is now regard.{MOVED[old]}"):
        found = importlib.import_module(f"regard.{old}")
    new = importlib.import_module(f"regard.{MOVED[old]}")
    own = [name for name in vars(new) if not name.startswith("__")]
    assert all(getattr(found, name) is getattr(new, name) for name in own)
    assert new.__name__ == new.__spec__.name == f"regard.{MOVED[old]}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_names_that_are_rooms_or_functions_now():
    from regard.adapt.shallow.coral import Method

    from regard.adapt.shift import shift
    from regard.adapt.vectors.coral import Method as same
    from regard.reuse.search.index import SearchIndex

    assert Method is same and callable(shift) and SearchIndex is regard.SearchIndex
    assert callable(regard.train)


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match="regard.core.nothing"):
        importlib.import_module("regard.core.nothing")


def test_embed_takes_the_representation_by_place():
    images = builtin("digits").subset(np.arange(20))
    told = regard.embed(images, with_="random:convnet4", no_cache=True, precision="fp32").vectors
    assert np.array_equal(regard.embed(images, "random:convnet4", cache=False, precision="fp32").vectors, told)
    with pytest.raises(TypeError, match="at most the representation"):
        regard.embed(images, "random:convnet4", 8)


def test_the_table_of_old_names_costs_no_import_of_torch():
    code = "import sys, regard; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
