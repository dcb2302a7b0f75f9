"""The glossary is in order, says each term in one sentence, and names what exists in the code."""

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "glossary.md"
ROW = re.compile(r"^\| ([^|`]+) \| ([^|]+) \| (.+) \|$", re.M)
ROWS = [row for row in ROW.findall(PAGE.read_text(encoding="utf-8")) if row[0] not in ("term", "---")]


def there(name: str) -> object:
    """What a dotted name stands for: a module, or something in one; raises where there is none."""
    parts = name.split(".")
    found, taken = import_module(parts[0]), 1
    for part in parts[1:]:
        taken += 1
        if not hasattr(found, part):
            import_module(".".join(parts[:taken]))
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("term", "meaning", "code"), ROWS, ids=[row[0] for row in ROWS])
def test_a_term_is_one_sentence_and_its_code_exists(term: str, meaning: str, code: str) -> None:
    assert meaning.endswith(".") and ". " not in meaning and len(meaning) < 160
    names = re.findall(r"`(regard[\w.]+)`", code)
    assert names and all(there(name) is not None for name in names)


def test_terms_are_in_alphabetical_order_and_each_once() -> None:
    terms = [term for term, *_ in ROWS]
    assert terms == sorted(set(terms)) and len(terms) > 40


def test_a_name_that_is_gone_would_be_found() -> None:
    with pytest.raises(ImportError):
        there("regard.learning.game")
    with pytest.raises((ImportError, AttributeError)):
        there("regard.core.events.Happening")
