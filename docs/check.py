"""Keep the documentation true: help texts equal the program's, every verb and method is told of, links lead somewhere.

    python docs/check.py            # status 1 and a line for each fault
    python docs/check.py --write    # put the program's help texts into the pages

Also: the tables of the tasks' settings equal the program's, and a `regard` command in a `sh` block names verbs and
options that exist. Blocks marked `python` are run by tests/docs/test_docs.py.
"""

import re
import shlex
import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import typer

from regard.cli import _app, verbs
from regard.core.discover import KINDS, load, names
from regard.learning.method_settings import setting_names

DOCS = Path(__file__).parent
ROOT = DOCS.parent
HELP = re.compile(r"(<!-- help -->\n```text\n)(.*?)(```\n<!-- /help -->)", re.S)
SHELL = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.S | re.M)
FENCES = re.compile(r"^```.*?^```", re.S | re.M)
SETTING = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]*) \|", re.M)
LINK = re.compile(r"\]\(([^)#\s]+?\.(?:md|png|svg|py|json))(?:#[^)]*)?\)")


def pages() -> list[Path]:
    """Every page that a reader sees, README first."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


@lru_cache
def command(verb: str) -> Any:
    """The command of a verb, as the program makes it."""
    return typer.main.get_command(_app(verb)).commands[verb]


def help_text(verb: str) -> str:
    """The help of a verb at 96 columns, as `regard VERB --help` prints it."""
    group, child = typer.main.get_command(_app(verb)), command(verb)
    width: dict[str, Any] = {"resilient_parsing": True, "max_content_width": 96, "terminal_width": 96}
    context = child.make_context(verb, [], group.make_context("regard", [], **width), **width)
    return "\n".join(line.rstrip() for line in child.get_help(context).splitlines()) + "\n"


def faults(write: bool = False) -> list[str]:
    """Everything that is not true, as text; with `write` help texts are put right."""
    return [
        *(fault for verb in verbs() for fault in _help(verb, write)),
        *_strays(),
        *_methods(),
        *_settings(),
        *(fault for page in pages() for fault in (*_links(page), *_commands(page))),
    ]


def _help(verb: str, write: bool) -> Iterator[str]:
    page = DOCS / "verbs" / f"{verb}.md"
    if not page.exists():
        yield f"docs/verbs/{verb}.md is missing"
        return
    text = page.read_text(encoding="utf-8")
    match = HELP.search(text)
    if not match:
        yield f"docs/verbs/{verb}.md has no <!-- help --> block"
    elif match[2] != help_text(verb):
        if not write:
            yield f"docs/verbs/{verb}.md: its help is not the program's (python docs/check.py --write)"
            return
        page.write_text(text[: match.start(2)] + help_text(verb) + text[match.end(2) :], encoding="utf-8")


def _strays() -> Iterator[str]:
    for page in (DOCS / "verbs").glob("*.md"):
        if page.stem not in verbs():
            yield f"docs/verbs/{page.name}: there is no such verb"


# folder of pages -> kind of method, and pages that tell of something else
PAGES = {
    "adapt": ("adapt", {"index", "measures", "choice"}),
    "tasks": ("task", {"index", "evaluating", "shortcuts"}),
}


def _methods() -> Iterator[str]:
    """Every method is told of: adapters and tasks on pages of their own, the others in a section of docs/methods.md."""
    told = set(re.findall(r"^### `([^`]+)`$", (DOCS / "methods.md").read_text(encoding="utf-8"), re.M))
    paged = {kind for kind, _ in PAGES.values()}
    known = {name: kind for kind in KINDS if kind not in paged for name in names(kind)}
    for name in sorted(known.keys() - told):
        yield f"docs/methods.md has no section ### `{name}` for this {known[name]} method"
    for name in sorted(told - known.keys()):
        yield f"docs/methods.md tells of {name}, which is no such method"
    for folder, (kind, others) in PAGES.items():
        found = {page.stem for page in (DOCS / folder).glob("*.md")} - others
        for name in sorted(set(names(kind)) - found):
            yield f"docs/{folder}/{name}.md is missing: every {kind} method has a page"
        for name in sorted(found - set(names(kind))):
            yield f"docs/{folder}/{name}.md tells of {name}, which is no method"
        index = (DOCS / folder / "index.md").read_text(encoding="utf-8")
        for name in sorted(set(names(kind)) - set(re.findall(r"\]\(([a-z0-9_]+)\.md\)", index))):
            yield f"docs/{folder}/index.md does not lead to {name}"


def _settings() -> Iterator[str]:
    """The tables of the tasks' settings name each one, with the default that it has."""
    for name in names("task"):
        method, told = load("task", name), {}
        for row, values in SETTING.findall((DOCS / "tasks" / f"{name}.md").read_text(encoding="utf-8")):
            listed = re.findall(r"`(\w+)`", row)
            told |= zip(listed, map(str.strip, values.split(",") if len(listed) > 1 else [values]))
        for setting in setting_names(method):
            default = str(method.__dataclass_fields__[setting].default)
            if setting not in told:
                yield f"docs/tasks/{name}.md does not tell of the setting {setting}"
            elif _plain(told[setting]) != _plain(default):
                yield f"docs/tasks/{name}.md: the default of {setting} is {default}, not {told[setting]}"


def _plain(value: str) -> float | str:
    """A default as it is compared: a number, also as a fraction, or lower case."""
    try:
        return round(float(Fraction(value)), 6)
    except ValueError:
        return value.strip("`").lower()


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
            if words[1] not in verbs():
                yield f"{where}: there is no verb {words[1]}"
                continue
            known = {name for option in command(words[1]).params for name in (*option.opts, *option.secondary_opts)} | {
                "--help",
                "-h",
                "--debug",
            }
            for word in words[2:]:
                if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known:
                    yield f"{where}: {words[1]} has no option {word}"


if __name__ == "__main__":
    wrong = faults("--write" in sys.argv)
    print("\n".join(wrong) or "docs: all true")
    sys.exit(1 if wrong else 0)
