"""The course is the same in both languages, shows what its commands give, and each command runs as it stands."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from regard import cli

DOCS = Path(__file__).parents[2] / "docs"
FEW = {"--steps": 2, "--seeds": 3}  # at most


def course(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))  # which it takes tryouts from
    spec = spec_from_file_location("docs_course", DOCS / "course.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


with pytest.MonkeyPatch.context() as patch:
    SLIDES, COURS = (course(patch).slides(page) for page in ("course.md", "cours.md"))


def test_every_heading_is_a_slide_with_a_picture() -> None:
    for page, found in (("course.md", SLIDES), ("cours.md", COURS)):
        assert [slide.number for slide in found] == list(range(1, 1 + (DOCS / page).read_text().count("\n### ")))
        assert all((DOCS / slide.image).is_file() and len(slide.alt) > 10 for slide in found)
    used = {slide.image for slide in SLIDES}
    assert {f"images/course/{file.name}" for file in (DOCS / "images" / "course").iterdir()} == used


def test_both_languages_have_the_same_slides() -> None:
    assert [(one.commands, one.file, one.part, one.image) for one in SLIDES] == [
        (one.commands, one.file, one.part, one.image) for one in COURS
    ]
    assert not {one.title for one in SLIDES[1:]} & {one.title for one in COURS[1:]} - {"Normalisation", "Rotation"}


@pytest.mark.parametrize("slide", SLIDES, ids=lambda slide: f"{slide.number}-{Path(slide.image).stem}")
def test_the_commands_of_a_slide_run(slide, tmp_path, monkeypatch, small_sets) -> None:
    """But for two steps and at most three seeds, and fewer pictures."""
    monkeypatch.chdir(tmp_path)
    for words in slide.commands:
        short = [
            str(min(int(word), FEW[before])) if before in FEW else word for before, word in zip(["", *words], words)
        ]
        assert cli.main([*short, "--quiet"]) == 0, words
    assert slide.file is None or (tmp_path / slide.file).is_file()
