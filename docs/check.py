"""Keep the documentation true: help texts equal the program's, every verb and method is told of, links lead somewhere.

    python docs/check.py            # status 1 and a line for each fault
    python docs/check.py --write    # put the program's help texts, counts, lists and settings into the pages

Also: counts, lists and tables of settings are the program's (generate.py), and a `regard` command in a `sh` block names
verbs and options that exist. Blocks marked `python` are run by tests/docs/test_docs.py.
"""

import re
import shlex
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import typer

from regard.cli import _TWO_WORDS, _app, verbs
from regard.core.discover import KINDS, names

sys.path.insert(0, str(Path(__file__).parent))
from generate import filled, rows  # noqa: E402  (beside this file, which is run as it is)

DOCS = Path(__file__).parent
ROOT = DOCS.parent
HELP = re.compile(r"(<!-- help(?:: (\w+))? -->\n```text\n)(.*?)(```\n<!-- /help -->)", re.S)
SHELL = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.S | re.M)
FENCES = re.compile(r"^```.*?^```", re.S | re.M)
LINK = re.compile(r"\]\(([^)#\s]+?\.(?:md|png|svg|py|json))(?:#[^)]*)?\)")


def pages() -> list[Path]:
    """Every page that a reader sees, README first."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


@lru_cache
def commands(verb: str) -> dict[str, Any]:
    """The commands of a verb by name, as the program makes them: one named "", or those of a group."""
    found = typer.main.get_command(_app(verb)).commands[verb]
    return dict(getattr(found, "commands", None) or {"": found})


def help_text(verb: str, name: str = "") -> str:
    """The help of a verb, or of a command of its group, at 96 columns, as `regard VERB --help` prints it."""
    width: dict[str, Any] = {"resilient_parsing": True, "max_content_width": 96, "terminal_width": 96}
    child = typer.main.get_command(_app(verb))
    context = child.make_context("regard", [], **width)
    for word in filter(None, (verb, name)):
        child = child.commands[word]
        context = child.make_context(word, [], context, **width)
    return "\n".join(line.rstrip() for line in child.get_help(context).splitlines()) + "\n"


def faults(write: bool = False) -> list[str]:
    """Everything that is not true, as text; with `write` help texts are put right."""
    return [
        *(fault for verb in verbs() for fault in _help(verb, write)),
        *_strays(),
        *(fault for page in pages() for fault in _generated(page, write)),
        *_methods(),
        *(fault for page in pages() for fault in (*_links(page), *_commands(page))),
    ]


def _help(verb: str, write: bool) -> Iterator[str]:
    page = DOCS / "verbs" / f"{verb}.md"
    if not page.exists():
        yield f"docs/verbs/{verb}.md is missing"
        return
    text = page.read_text(encoding="utf-8")
    told = {match[2] or "": match for match in HELP.finditer(text)}
    for name in sorted({*commands(verb)} ^ {*told}):
        yield f"docs/verbs/{verb}.md: a help block {name!r} is missing, or there is no such command"
    made = text
    for name, match in told.items():
        if name in commands(verb):
            made = made.replace(match[0], match[1] + help_text(verb, name) + match[4])
    if made != text and not write:
        yield f"docs/verbs/{verb}.md: its help is not the program's (python docs/check.py --write)"
    elif made != text:
        page.write_text(made, encoding="utf-8")


def _strays() -> Iterator[str]:
    for page in (DOCS / "verbs").glob("*.md"):
        if page.stem not in verbs():
            yield f"docs/verbs/{page.name}: there is no such verb"


# folder of pages -> kind of method, and pages that tell of something else
PAGES = {
    "adapt": ("adapt", {"index", "measures", "choice", "deep"}),
    "tasks": ("task", {"index", "evaluating", "shortcuts"}),
}


# kind -> the page with a section for each; else docs/methods.md
SECTIONS = {
    "deep": "adapt/deep.md",
    "frozen": "lifelong/frozen.md",
    "learn": "lifelong/training.md",
    "unlabelled": "lifelong/unlabelled.md",
}


def _methods() -> Iterator[str]:
    """Every method is told of: adapters and tasks on pages of their own, the others in a section of a page."""
    paged = {kind for kind, _ in PAGES.values()}
    for page in ("methods.md", *SECTIONS.values()):
        told = set(re.findall(r"^### `([^`]+)`$", (DOCS / page).read_text(encoding="utf-8"), re.M))
        kinds = [kind for kind in KINDS if kind not in paged and SECTIONS.get(kind, "methods.md") == page]
        known = {name: kind for kind in kinds for name in names(kind)}
        for name in sorted(known.keys() - told):
            yield f"docs/{page} has no section ### `{name}` for this {known[name]} method"
        for name in sorted(told - known.keys()):
            yield f"docs/{page} tells of {name}, which is no such method"
    for folder, (kind, others) in PAGES.items():
        found = {page.stem for page in (DOCS / folder).glob("*.md")} - others
        for name in sorted(set(names(kind)) - found):
            yield f"docs/{folder}/{name}.md is missing: every {kind} method has a page"
        for name in sorted(found - set(names(kind))):
            yield f"docs/{folder}/{name}.md tells of {name}, which is no method"
        for name in sorted(found - rows(kind).keys()):
            yield f"docs/{folder}/{name}.md has no line <!-- row: GROUP | cell ... -->, by which the index lists it"
        index = (DOCS / folder / "index.md").read_text(encoding="utf-8")
        for name in sorted(rows(kind).keys() - set(re.findall(r"\]\(([a-z0-9_]+)\.md\)", index))):
            yield f"docs/{folder}/index.md has no table of the group {rows(kind)[name][0]!r}, which {name} is of"


def _generated(page: Path, write: bool) -> Iterator[str]:
    """Counts, lists and tables of settings are the program's; with `write` they are put right."""
    text = page.read_text(encoding="utf-8")
    made = filled(page, text)
    if made != text and write:
        page.write_text(made, encoding="utf-8")
    elif made != text:
        line = next(at for at, (a, b) in enumerate(zip_longest(text.split("\n"), made.split("\n")), 1) if a != b)
        yield f"{page.relative_to(ROOT)}:{line}: what is generated is not the program's (python docs/check.py --write)"


def _links(page: Path) -> Iterator[str]:
    for target in LINK.findall(FENCES.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in target and not (page.parent / target).exists():
            yield f"{page.relative_to(ROOT)}: the link {target} leads nowhere"


def _commands(page: Path) -> Iterator[str]:
    for block in SHELL.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if len(words) < 2 or words[0] != "regard" or words[1].startswith("-"):
                continue
            where = f"{page.relative_to(ROOT)}: `{line.strip()}`"
            if tuple(words[1:3]) in _TWO_WORDS:
                words[1:3] = ["-".join(words[1:3])]
            if words[1] not in verbs():
                yield f"{where}: there is no verb {words[1]}"
                continue
            name = "" if "" in commands(words[1]) else words[2] if len(words) > 2 else "--help"
            if name not in commands(words[1]):
                if name != "--help":
                    yield f"{where}: {words[1]} has no command {name}"
                continue
            params = commands(words[1])[name].params
            known = {one for option in params for one in (*option.opts, *option.secondary_opts)}
            for word in words[2:]:
                if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known | {"--help", "-h", "--debug"}:
                    yield f"{where}: {words[1]} has no option {word}"


if __name__ == "__main__":
    wrong = faults("--write" in sys.argv)
    print("\n".join(wrong) or "docs: all true")
    sys.exit(1 if wrong else 0)
