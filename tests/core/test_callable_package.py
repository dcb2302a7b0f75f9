"""`regard.create` and `regard.adapt` are packages and verbs."""

import inspect
import subprocess
import sys

import pytest

import regard
from regard.verbs.adapt import adapt
from regard.verbs.create import create


@pytest.mark.parametrize("name, verb", [("create", create), ("adapt", adapt)])
def test_a_package_is_called_as_its_verb(name, verb) -> None:
    package = getattr(regard, name)
    assert inspect.ismodule(package) and package.__path__
    assert inspect.signature(package) == inspect.signature(verb)
    assert package.__doc__ == inspect.getdoc(verb)
    with pytest.raises(TypeError, match="missing . required"):
        package()


def test_importing_the_package_imports_no_verb_and_the_package_no_torch() -> None:
    code = (
        "import sys, regard, regard.create, regard.adapt; from regard.core.events import Event; dir(regard)\n"
        "bad = [m for m in sys.modules if m.split('.')[0] == 'torch' or m.startswith('regard.verbs')]\n"
        "print(bad); import regard.create.run; assert callable(regard.create)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
