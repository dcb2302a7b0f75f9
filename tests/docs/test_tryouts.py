"""Every verb's page begins with a command that runs as it stands, and a picture of what comes out."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from regard import cli

DOCS = Path(__file__).parents[2] / "docs"


def tryouts():
    spec = spec_from_file_location("docs_tryouts", DOCS / "tryouts.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("verb", cli.verbs())
def test_a_page_begins_with_a_command_on_built_in_data_and_a_picture(verb: str) -> None:
    text = (DOCS / "verbs" / f"{verb}.md").read_text()
    assert text.index("```") == text.index("```sh\n# runs as it stands\n")
    lines = tryouts().commands(verb)
    assert lines and lines[-1][0] == verb
    picture = re.search(r"^!\[[^\]]{10,}\]\(\.\./images/verbs/" + verb + r"\.(svg|png)\)$", text, re.M)
    assert picture and text.index("```") < picture.start() < text.index("##")


@pytest.mark.parametrize("verb", [verb for verb in cli.verbs() if verb != "demo"])  # which has a test of its own
def test_the_command_runs_as_it_stands(verb: str, tmp_path, monkeypatch, small_sets) -> None:
    """But for two steps and seeds in place of many, and fewer pictures, which is enough to see that it runs."""
    monkeypatch.chdir(tmp_path)
    for words in tryouts().commands(verb):
        few = {"--steps": "2", "--seeds": "3"}
        short = [few.get(before, word) for before, word in zip(["", *words], words)]
        assert cli.main([*short, *([] if words[0] == "methods" else ["--quiet"])]) == 0, words


RUNS = re.compile(r"^<!-- runs -->\n```sh\n(.*?)^```", re.S | re.M)


def test_the_walk_through_ones_own_images_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "guide" / "your-own-images.md").read_text()
    code = re.search(r"^```python\n(.*?)^```", text, re.S | re.M)
    exec(compile(code[1], "your-own-images.md", "exec"), {})
    found = [line for block in RUNS.finditer(text) for line in block[1].splitlines()]
    assert len(found) == len(re.findall(r"^regard ", text, re.M)) >= 6
    for line in found:
        short = line.replace("--steps 40", "--steps 2")
        assert cli.main([*short.split()[1:], "--quiet"]) == 0, line
    assert {"found.html", "copies.html", "labels.csv"} <= {file.name for file in tmp_path.iterdir()}
