"""What the pages say of methods, made from the program: counts, lists and tables of settings.

    python docs/check.py --write    # puts it into the pages

A page holds marks that are not seen by its readers:

- `<!-- count: KIND -->18<!-- /count -->`: how many methods of a kind there are; `pretext`: tasks without labels.
- `<!-- layers -->` ... `<!-- /layers -->`: the folders in the order of imports.
- `<!-- methods: KIND -->` ... `<!-- /methods -->`: a table of all methods of a kind, with settings and defaults.
- `<!-- index: KIND -->` or `<!-- index: KIND: GROUP -->` ... `<!-- /index -->`: a table that leads to the pages of a
  kind. The cells of a row stand in the method's own page, as `<!-- row: GROUP | cell | cell -->`; rows keep their
  order, and a new one comes last in its group.
- The table below `**Settings.**` in a method's page: names and defaults are the program's; what stands under "meaning"
  is kept, and taken from the method's docstring where a setting is new.
"""

import inspect
import re
import sys
import tomllib
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from regard.core.discover import load, names, summary
from regard.learning.method_settings import setting_names

DOCS = Path(__file__).parent
# where the page of a method is, by kind; of the others there is a section in methods.md
PAGES = {"adapt": "adapt", "task": "tasks"}
COUNT = re.compile(r"(<!-- count: ([\w-]+) -->)(.*?)(<!-- /count -->)")
LAYERS = re.compile(r"(<!-- layers -->)(.*?)(<!-- /layers -->)", re.S)
LISTED = re.compile(r"(<!-- methods: (\w+) -->\n)(.*?)(<!-- /methods -->)", re.S)
INDEX = re.compile(r"(<!-- index: (\w+)(?:: ([^>]+?))? -->\n)(.*?)(<!-- /index -->)", re.S)
ROW = re.compile(r"^<!-- row: (.*) -->$", re.M)
TABLE = re.compile(r"(\*\*Settings\.\*\*\n\n\| name \| default \| meaning \|\n\|---\|---\|---\|\n)((?:\|.*\n)+)")


@lru_cache
def settings(kind: str, name: str) -> dict[str, str]:
    """The settings of a method with their defaults, as the pages write them; without those that text cannot give."""
    method = load(kind, name)
    if kind == "task":
        return {one: shown(method.__dataclass_fields__[one].default) for one in setting_names(method)}
    if not inspect.isclass(method):
        return {}
    given = inspect.signature(method).parameters.values()
    if any(one.default is inspect.Parameter.empty for one in given):  # it is learned, and these are the fit's
        given = inspect.signature(sys.modules[method.__module__].fit).parameters.values()
    return {one.name: shown(one.default) for one in given if one.default is not inspect.Parameter.empty}


def shown(value: Any) -> str:
    """A default as the pages write it.

    >>> shown(10.0), shown(True), shown(None), shown("svm"), shown(0.001)
    ('10', 'true', 'none', 'svm', '0.001')
    """
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def same(told: str, default: str) -> bool:
    """Whether a page's cell says this default: numbers may be written as fractions, text in quotes."""

    def plain(text: str) -> float | str:
        try:
            return round(float(Fraction(text.strip())), 6)
        except ValueError:
            return text.strip().strip('`"').lower()

    return plain(told) == plain(default)


def filled(page: Path, text: str) -> str:
    """The text of a page with everything that is generated put in."""
    text = COUNT.sub(lambda found: f"{found[1]}{count(found[2])}{found[4]}", text)
    text = LAYERS.sub(lambda found: f"{found[1]}{layers()}{found[3]}", text)
    text = LISTED.sub(lambda found: f"{found[1]}\n{listed(found[2])}\n{found[4]}", text)
    text = INDEX.sub(lambda found: f"{found[1]}\n{index(found[2], found[3] or '', found[4])}\n{found[5]}", text)
    kind = next((kind for kind, folder in PAGES.items() if page.parent == DOCS / folder), None)
    if kind and page.stem in names(kind):
        text = TABLE.sub(lambda found: found[1] + table(found[2], kind, page.stem), text)
    return text


def count(what: str) -> int:
    """How many methods there are of a kind; `pretext`: tasks without labels."""
    if what == "pretext":
        return sum(load("task", name).__module__.startswith("regard.create.pretext") for name in names("task"))
    return len(names(what))


def layers() -> str:
    """The folders of the package in the order in which they may import one another, as import-linter is told."""
    told = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    ways = [one for one in told["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    order = [re.split(r" *[|:] *", line) for line in reversed(ways[0]["layers"])]
    return ", ".join(" and ".join(one.strip(" ()").rpartition(".")[2] for one in level) for level in order)


def listed(kind: str) -> str:
    """A table of the methods of a kind: what each is, in the words of its file, and its settings."""
    lines = ["| name | what it is | settings and defaults |", "|---|---|---|"]
    for name in names(kind):
        link = f"{PAGES[kind]}/{name}.md" if kind in PAGES else f"#{name}"
        given = ", ".join(f"`{one}={default}`" for one, default in settings(kind, name).items())
        lines.append(f"| [`{name}`]({link}) | {_cell(summary(kind, name))} | {_cell(given) or '–'} |")
    return "\n".join(lines) + "\n"


def index(kind: str, group: str, before: str) -> str:
    """The table of an index from the rows in the methods' pages; its head, titles and order are kept.

    Args:
        kind: of the methods.
        group: the one whose rows the table holds; "" for all, each below its title in bold.
        before: what stands there.
    """
    left = {name: row for name, row in rows(kind).items() if group in ("", row[0])}
    lines: list[str] = []
    now = group

    def close() -> None:
        new = [name for name, (where, _) in left.items() if where == now]
        lines.extend(left.pop(name)[1] for name in new)

    for line in before.strip("\n").splitlines():
        known, title = re.match(r"\| \[`(\w+)`\]", line), re.match(r"\| \*\*(.+?)\*\* \|", line)
        if title:
            close()
            now = title[1]
        if not known:
            lines.append(line)
        elif left.get(known[1], ("",))[0] == now:
            lines.append(left.pop(known[1])[1])
    close()
    return "\n".join([*lines, *(line for _, line in left.values())]) + "\n"


def rows(kind: str) -> dict[str, tuple[str, str]]:
    """By name, the group of a method and its line in the index, as its page says; those whose page does are there."""
    found = {}
    for name in names(kind):
        page = DOCS / PAGES[kind] / f"{name}.md"
        said = ROW.search(page.read_text(encoding="utf-8")) if page.exists() else None
        if said:
            group, _, cells = said[1].partition(" | ")
            found[name] = group, f"| [`{name}`]({name}.md) | {cells} |"
    return found


def table(before: str, kind: str, name: str) -> str:
    """The rows of a table of settings, with the program's names and defaults."""
    left, lines = dict(settings(kind, name)), []
    for line in before.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        told = re.findall(r"`(\w+)`", cells[0])
        values = [one.strip() for one in cells[1].split(",")] if len(told) > 1 else [cells[1]]
        kept = [(one, values[at] if at < len(values) else "") for at, one in enumerate(told) if one in left]
        if not kept:
            continue
        first = ", ".join(f"`{one}`" for one, _ in kept)
        second = ", ".join(value if same(value, left[one]) else left[one] for one, value in kept)
        lines.append(f"| {first} | {second} | {' | '.join(cells[2:])} |")
        for one, _ in kept:
            del left[one]
    lines += [f"| `{one}` | {default} | {_cell(meaning(kind, name, one))} |" for one, default in left.items()]
    return "\n".join(lines) + "\n"


def meaning(kind: str, name: str, setting: str) -> str:
    """What a method's docstring says of a setting."""
    text = inspect.cleandoc(load(kind, name).__doc__ or "")
    found = re.search(rf"^ *{setting}: (.*(?:\n {{8,}}.*)*)", text, re.M)
    return " ".join(found[1].split()) if found else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
