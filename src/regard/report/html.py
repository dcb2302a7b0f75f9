"""One self-contained HTML file: the summary, the gains, and a section a step; nothing is fetched.

Text is escaped on its way in; only what this package's own figures give (`Markup`) stands as it is. No script runs but
a `Tool`'s, which is a constant of this package that the page's policy names by its hash.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup, escape

from .. import __version__
from ..core.checks import bad, check_output
from ..core.storage import replacing
from .gains import Gain, gain_table

WIDEST = 4  # columns of a table that a telephone shows beside each other; of a wider one each row becomes a card
# what a name may hold and a page may not: control characters, those that turn the direction of text around (a page
# isolates names by itself), and halves of characters, as Python reads a file's name that is not in UTF-8
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Picture:
    """A figure (as `figures` and `thumbs` give it) and the sentence under it."""

    html: Markup
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts and numbers; a column of numbers alone stands at the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise bad("rows", f"a row of {len(wrong[0])} cells", f"{len(self.columns)} cells, one for each column")

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers (or nothing) in all rows."""
        columns = zip(*self.rows) if self.rows else [()] * len(self.columns)
        return [
            all(cell is None or isinstance(cell, int | float) for cell in column) and any(c is not None for c in column)
            for column in columns
        ]


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        text: paragraphs apart by empty lines; lines that start with "- " are a list; **strong** and `code`.
        blocks: pictures and tables, in order.
    """

    title: str
    text: str = ""
    blocks: Sequence[Picture | Table] = ()


@dataclass(frozen=True)
class Highlight:
    """A figure in large print at the top: "4×", what it is, and how sure it is."""

    value: str
    what: str
    note: str = ""


@dataclass(frozen=True)
class Tool:
    """What a page lets its reader do beyond reading: a bar at the foot of the window, and the script that serves it."""

    html: Markup
    script: str

    @property
    def policy(self) -> str:
        """The script's hash, as a page's policy names what may run."""
        return "sha256-" + base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()


@dataclass(frozen=True)
class _Part:
    """A section as the template sees it."""

    title: str
    anchor: str
    text: Markup
    blocks: list[Markup] = field(default_factory=list)


def write_report(
    path: str | Path,
    title: str,
    sections: Sequence[Section],
    summary: str,
    *,
    gains: Sequence[Gain] = (),
    highlights: Sequence[Highlight] = (),
    facts: Mapping[str, object] | None = None,
    verdicts: bool = False,
    tool: Tool | None = None,
) -> Path:
    """Write the report as one HTML file, whole or not at all, and return its path.

    Args:
        path: the file to write; its folder is made if need be.
        title: heading of the page.
        sections: the parts, in order.
        summary: a few sentences for those who read nothing else; text as in `Section`.
        gains: rows of the table of gains, which stands before the sections.
        highlights: two to four figures in large print.
        facts: how the report was made: command, seed, versions, machine.
        verdicts: the sections say "gain" or "no gain", so that the foot of the page says what that means; where there
            are `gains` it does so anyway.
        tool: what the reader can do on the page.

    Raises:
        InputError: the file's name does not end with .html.
    """
    path = check_page("path", path)
    page = render(
        title, sections, summary, gains=gains, highlights=highlights, facts=facts, verdicts=verdicts, tool=tool
    )
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")
    return path


def check_page(argument: str, path: str | Path) -> Path:
    """Refuse a name that a page cannot have, before the work that it would show."""
    return check_output(argument, path, ".html", ".htm")


def render(
    title: str,
    sections: Sequence[Section],
    summary: str,
    *,
    gains: Sequence[Gain] = (),
    highlights: Sequence[Highlight] = (),
    facts: Mapping[str, object] | None = None,
    verdicts: bool = False,
    tool: Tool | None = None,
) -> str:
    """Give the report as text, as `write_report` writes it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = [
        _Part(
            section.title, _anchor(section.title, at), marked(section.text), [_block(each) for each in section.blocks]
        )
        for at, section in enumerate(sections, 1)
    ]
    page = environment.get_template("template.html").render(
        title=title,
        summary=marked(summary),
        highlights=highlights,
        gains=gain_table(gains) if gains else None,
        sections=parts,
        facts=facts or {},
        verdicts=verdicts or bool(gains),
        tool=tool,
        script=Markup(tool.script) if tool else "",
        version=__version__,
    )
    return _seen(page)


def marked(text: str) -> Markup:
    r"""Turn plain text into paragraphs and lists, escaped; **strong** and `code` are all the markup there is.

    What is `Markup` already, as `literal` gives it, stands as it is.

    >>> print(marked("a < b, **so** `x`"))
    <p>a &lt; b, <strong>so</strong> <code>x</code></p>
    >>> print(marked("- one\n- two"))
    <ul><li>one</li><li>two</li></ul>
    """
    if isinstance(text, Markup):
        return text
    return Markup("\n").join(_paragraph(block.strip()) for block in re.split(r"\n\s*\n", text) if block.strip())


def fragment(blocks: Sequence[str | Picture | Table]) -> str:
    """Lines, pictures and tables as a piece of HTML without a page around it, as a notebook shows it."""
    shown = [literal(block) if isinstance(block, str) else _block(block) for block in blocks]
    return _seen(Markup("\n").join(shown))


def literal(text: str) -> Markup:
    r"""Text that stands as it is, a paragraph a line: where names occur, `*` and ` in them are no markup.

    >>> print(literal("a **b** < c\nd"))
    <p>a **b** &lt; c</p><p>d</p>
    """
    return Markup("").join(Markup("<p>{}</p>").format(line) for line in text.splitlines() if line.strip())


def _seen(page: str) -> str:
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), page)


def _paragraph(block: str) -> Markup:
    lines = [line.strip() for line in block.splitlines()]
    if all(line.startswith("- ") for line in lines):
        return Markup("<ul>{}</ul>").format(
            Markup("").join(Markup("<li>{}</li>").format(_inline(x[2:])) for x in lines)
        )
    return Markup("<p>{}</p>").format(_inline(" ".join(lines)))


def _inline(line: str) -> Markup:
    if isinstance(line, Markup):
        return line
    safe = str(escape(line))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe))


def _block(block: Picture | Table) -> Markup:
    if isinstance(block, Picture):
        caption = Markup("<figcaption>{}</figcaption>").format(_inline(block.caption)) if block.caption else ""
        return Markup('<figure class="figure">{}{}</figure>').format(block.html, caption)
    classes = [Markup(' class="number"') if number else "" for number in block.numeric]
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(css, name) if name else Markup("<td></td>")
        for css, name in zip(classes, block.columns)
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup('<td{} data-name="{}">{}</td>').format(css, name, _cell(cell))
                for css, name, cell in zip(classes, block.columns, row)
            )
        )
        for row in block.rows
    )
    return Markup(
        '<div class="wide" tabindex="0" role="region" aria-label="{}"><table{}><caption>{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(
        block.caption or "table of " + ", ".join(filter(None, block.columns)),
        Markup(' class="stack"') if len(block.columns) > WIDEST else "",
        _inline(block.caption),
        head,
        body,
    )


def _cell(value: object) -> object:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else value


def _anchor(title: str, at: int) -> str:
    return f"{at}-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
