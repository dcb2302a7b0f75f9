"""Every kind of method has a contract suite, and every suite goes over what is found."""

import ast
from pathlib import Path

import pytest

from regard.core.discover import KINDS, load, names, summary

HERE = Path(__file__).parent


def kinds_of(text: str) -> set[str]:
    """The kinds whose names a file of tests asks for: `names("adapt")`, or `discover.names("adapt")`."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and node.args]
    return {
        call.args[0].value
        for call in calls
        if ast.unparse(call.func).split(".")[-1] == "names" and isinstance(call.args[0], ast.Constant)
    }


def test_every_kind_has_a_suite_that_finds_its_methods() -> None:
    suites = [file for file in HERE.glob("test_*.py") if file.name != Path(__file__).name]
    covered = set().union(*(kinds_of(file.read_text(encoding="utf-8")) for file in suites))
    missing = set(KINDS) - covered
    assert not missing, f"tests/contract holds no suite over names({missing.pop()!r})"


def test_a_kind_without_a_suite_would_be_missed() -> None:
    assert kinds_of("from x import names\n\nNAMES = names('adapt')\n") == {"adapt"}
    assert kinds_of("NAMES = [*discover.names('adapt')]\nOTHER = names(kind)\n") == {"adapt"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_loads_and_says_in_one_line_what_it_is(kind: str) -> None:
    assert names(kind)
    for name in names(kind):
        line = summary(kind, name)
        assert load(kind, name) is not None and 10 < len(line) <= 120, (name, line)
