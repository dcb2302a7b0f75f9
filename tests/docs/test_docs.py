"""The documentation is true: `docs/check.py` finds no fault, its Python runs, and `--json` gives what the pages list.

Every block marked `python` is run, in order, with one set of names for each page, in an empty folder. What is not meant
to run is marked otherwise (`text`, `sh`, `toml`).
"""

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from helpers.depth import depth_folder
from regard import cli
from regard.data.annotations.voc_write import write_voc
from regard.data.scenes import scenes

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if BLOCK.search(page.read_text())
]
STEPS = re.compile(r"\bsteps=\d+")
CLAIMED = {"evaluating.md"}  # what it asserts is what so much training gives

# small commands, in an order in which each finds what it needs; `create` is run anew for its own figures
COMMANDS = {
    "methods": "methods",
    "create": "create builtin:faces --task rotation --steps 4 --out run",
    "embed": "embed builtin:faces --with run --out faces.npz",
    "probe": "probe builtin:faces --with run --shots 2 --seeds 2",
    "evaluate": "evaluate run --on builtin:rendered_digits builtin:digits --seeds 2 --shots 1 --finetune-steps 1",
    "finetune": "finetune builtin:faces --with run --layers head --steps 4 --out tuned",
    "predict": "predict tuned builtin:faces",
    "export": "export tuned --format torchscript --out tuned.pt",
    "whiten": "whiten builtin:faces --with run --out whitened",
    "index": "index faces.npz --out index",
    "index-upgrade": "index-upgrade index --with random:convnet4 --images builtin:faces --pairs 40 --budget 5 --out up",
    "search": "search index faces/000 --id",
    "search-eval": "search-eval index labels --sample 20 --rerank qe",
    "duplicates": "duplicates builtin:photos",
    "shift": "shift faces.npz faces.npz --samples 60 --permutations 5",
    "adapt": "adapt faces.npz faces.npz --method coral",
    "compare-adapt": "compare-adapt faces.npz faces.npz --methods coral --seeds 2 --no-auto",
    "compare": "compare builtin:rendered_digits builtin:digits --with a=run --with random --way frozen --labels 20,40 "
    "--seeds 3",
    "learn": "learn builtin:digits_5x2 --task digits_5x2-1 --with random:convnet4 --method ncm --out learned",
    "play": "play builtin:digits_5x2 --with random:convnet4 --methods ncm,slda --seeds 2 --out plays",
    "lineage": "lineage .",
    "look": "look run builtin:faces --layer blocks.1 --units 1 --images 1",
    "robustness": "robustness random:convnet4 builtin:digits --train builtin:rendered_digits --corruptions fog "
    "--severities 1 --against random:convnet4:2",
    "decompose": "decompose builtin:digits --with random:convnet4 --axes 8,16 --cuts 3",
    "next": "next builtin:digits --from run --most 40",
    "history": "history builtin:rendered_digits --networks alexnet,resnet --no-classic --steps 2 --seeds 2 "
    "--size 16 --out line",
    "detect train": "detect train scenes --with run --size 32 --steps 2 --out boxes",
    "detect evaluate": "detect evaluate boxes others",
    "detect predict": "detect predict boxes others",
    "instances train": "instances train scenes --with run --size 32 --steps 2 --out masks",
    "instances evaluate": "instances evaluate masks others",
    "instances predict": "instances predict masks others",
    "boxes3d train": "boxes3d train builtin:scenes --with run --size 32 --steps 2 --lr 0.001 --out space",
    "boxes3d evaluate": "boxes3d evaluate space builtin:scenes_b",
    "boxes3d predict": "boxes3d predict space builtin:scenes_b",
    "depth train": "depth train deep --with run --size 32 --steps 2 --out far",
    "depth evaluate": "depth evaluate far deep_others",
    "depth predict": "depth predict far deep_others",
    "segment train": "segment train scenes --with run --size 32 --steps 2 --out pixels",
    "segment evaluate": "segment evaluate pixels others",
    "segment predict": "segment predict pixels others",
}

# figures that a verb gives when it is asked for something else
OTHERWISE = {"adapt": {"source", "target"}, "duplicates": {"decided", "remembered", "gone"}}


def check_module():
    spec = spec_from_file_location("docs_check", ROOT / "docs" / "check.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_have_no_fault() -> None:
    assert check_module().faults() == []


def test_a_fault_would_be_found(tmp_path, monkeypatch) -> None:
    check = check_module()
    page = tmp_path / "page.md"
    page.write_text("[there](no.md)\n\n```sh\nregard embed x --owt y.npz\nregard embde x\n```\n")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    assert list(check._links(page)) == ["page.md: the link no.md leads nowhere"]
    found = list(check._commands(page))
    assert "embed has no option --owt" in found[0] and "no verb embde" in found[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_blocks_run(page: Path, tmp_path, monkeypatch, request) -> None:
    """But for two steps of training in place of many, and fewer pictures, where the page claims nothing of them."""
    monkeypatch.chdir(tmp_path)
    whole = page.name in CLAIMED
    if not whole:
        request.getfixturevalue("small_sets")
    names: dict[str, object] = {"__name__": "__docs__"}
    text = page.read_text()
    for block in BLOCK.finditer(text):
        # blank lines before it, so that an error names the line of the page
        code = "\n" * text[: block.start(1)].count("\n") + (block[1] if whole else STEPS.sub("steps=2", block[1]))
        exec(compile(code, str(page), "exec"), names)


def test_json_gives_the_figures_that_the_pages_list(tmp_path, monkeypatch, capsys, small_sets) -> None:
    monkeypatch.chdir(tmp_path)
    for name, family in (("scenes", "a"), ("others", "b")):
        write_voc(scenes(10, size=32, family=family), name)
    for name, family in (("deep", "a"), ("deep_others", "b")):
        depth_folder(tmp_path / name, 10, family=family)
    for verb, line in COMMANDS.items():
        assert cli.main([*line.split(), "--json", *(["--quiet"] if verb != "methods" else [])]) == 0, verb
        metrics = json.loads(capsys.readouterr().out)["metrics"]
        told = listed(verb)
        unknown = [name for name in metrics if not any(re.fullmatch(pattern, name) for pattern in told)]
        assert unknown == [], f"docs/verbs/{verb}.md does not list {unknown}"
        fixed = {name for name in told if name.isidentifier() and not name.startswith("shuffled")}
        assert fixed - metrics.keys() <= OTHERWISE.get(verb, set()), verb


def listed(verb: str) -> list[str]:
    """The figures of a page's table as patterns: METHOD, ARM and the like stand for names, Kshot for 5shot."""
    page, _, command = verb.partition(" ")
    text = (ROOT / "docs" / "verbs" / f"{page}.md").read_text()
    table = (
        text.partition(f"`metrics` of `{f'{command} ' if command else ''}--json`")[2]
        .partition("| name | meaning |\n|---|---|\n")[2]
        .partition("\n\n")[0]
    )
    names = [name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    patterns = []
    for name in names:
        pattern = re.sub(r"^METHOD", "[a-z_0-9]+", name).replace("Kshot", r"\d+shot")
        pattern = pattern.replace("NAME_SEVERITY", r"[a-z_]+_\d")
        patterns += [pattern, f"{pattern}_(low|high)"] if "Kshot" in name else [pattern]
    assert patterns, f"docs/verbs/{verb}.md lists no figures"
    return patterns


def test_every_verb_is_covered() -> None:
    # the demonstration and a bet take long, and have tests of their own
    assert {line.split()[0] for line in COMMANDS} | {"bet", "demo"} == set(cli.verbs())
