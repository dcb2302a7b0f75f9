"""What the pages say of methods is made from the program, so that a new method needs a page and no list by hand."""

import sys
from pathlib import Path

import pytest

PRETEXT = Path(__file__).parents[2] / "src/regard/create/pretext"
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def generate(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import generate

    return generate


TABLE = "**Settings.**\n\n| name | default | meaning |\n|---|---|---|\n"


def test_a_table_keeps_what_people_wrote_and_takes_names_and_defaults_from_the_program(generate) -> None:
    page = DOCS / "adapt" / "coral.md"
    told = f"{TABLE}| `reg` | 7 | by hand |\n| `gone` | 1 | no longer there |\n\n**Example.**\n"
    found = generate.filled(page, told)
    assert "| `reg` | 1 | by hand |" in found and "gone" not in found and found.endswith("\n**Example.**\n")
    assert "| `center` | true | match the means too. False is the published code's way" in found
    assert "| `classifier` | svm |" in found and generate.filled(page, found) == found


def test_two_settings_may_share_a_row(generate) -> None:
    told = "| `C`, `C_target`, `C_target_max` | 10, 2, 10 | C, C* and C*max |\n"
    found = generate.table(told, "adapt", "dasvm")
    assert found.startswith("| `C`, `C_target`, `C_target_max` | 10, 1, 10 | C, C* and C*max |\n")
    assert "| `rho` | 0.1 |" in found


def test_a_new_method_comes_last_in_its_group(generate, tmp_path, monkeypatch) -> None:
    (tmp_path / "adapt").mkdir()
    for name, row in {"coral": "A | first | x", "tca": "B | second | y", "gfk": "A | third | z"}.items():
        (tmp_path / "adapt" / f"{name}.md").write_text(f"# title\n\n<!-- row: {row} -->\n", encoding="utf-8")
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr(generate, "names", lambda kind: ["coral", "gfk", "tca"])
    head = "| method | idea | what |\n|---|---|---|\n"
    before = f"{head}| **A** | | |\n| [`coral`](coral.md) | old | x |\n| **B** | | |\n| [`gone`](gone.md) | - | - |\n"
    assert generate.index("adapt", "", before) == (
        f"{head}| **A** | | |\n| [`coral`](coral.md) | first | x |\n| [`gfk`](gfk.md) | third | z |\n"
        "| **B** | | |\n| [`tca`](tca.md) | second | y |\n"
    )
    alone = generate.index("adapt", "A", head)
    assert "third" in alone and "second" not in alone


def test_counts_and_lists_are_of_what_is_found(generate, monkeypatch) -> None:
    said = "<!-- count: adapt -->9<!-- /count --> methods, <!-- count: pretext -->9<!-- /count --> tasks"
    found = generate.filled(DOCS / "index.md", said)
    without_labels = [one.stem for one in PRETEXT.glob("*.py") if not one.stem.startswith("_")]
    assert f"-->{len(generate.names('adapt'))}<!--" in found and f"-->{len(without_labels)}<!--" in found
    assert "| [`gem`](#gem) | GeM: the generalised mean" in generate.listed("pooling")
    assert "`k=64`" in generate.listed("pooling"), "of a learned one, the settings of its fit"


def test_what_is_not_the_program_s_is_a_fault(generate, tmp_path, monkeypatch) -> None:
    import check

    page = tmp_path / "page.md"
    page.write_text("one\n<!-- count: adapt -->9<!-- /count -->\n")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    assert "page.md:2: what is generated" in next(check._generated(page, False))
    assert list(check._generated(page, True)) == list(check._generated(page, False)) == []
    sys.modules.pop("check")
