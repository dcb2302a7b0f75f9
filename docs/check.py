"""Keep the documentation true: help texts equal the program's, every verb and method is told of, links lead somewhere.

    python docs/check.py            # status 1 and a line for each fault
    python docs/check.py --write    # put the program's help texts into the pages
"""

import re
import sys
from pathlib import Path

import typer

from regard.cli import _app, verbs
from regard.core.discover import KINDS, names

DOCS = Path(__file__).parent
FENCE = re.compile(r"(<!-- help -->\n```text\n)(.*?)(```\n<!-- /help -->)", re.S)
LINK = re.compile(r"\]\(([^)#\s]+?\.(?:md|png|svg|py|json))(?:#[^)]*)?\)")


def help_text(verb: str) -> str:
    """The help of a verb at 96 columns, as `regard VERB --help` prints it."""
    command = typer.main.get_command(_app(verb))
    child = command.commands[verb]
    context = child.make_context(f"regard {verb}", [], resilient_parsing=True, max_content_width=96, terminal_width=96)
    return "\n".join(line.rstrip() for line in child.get_help(context).splitlines()) + "\n"


def faults(write: bool) -> list[str]:
    """Everything that is not true, as text."""
    found = []
    for verb in verbs():
        page = DOCS / "verbs" / f"{verb}.md"
        if not page.exists():
            found.append(f"docs/verbs/{verb}.md is missing")
            continue
        text = page.read_text()
        match = FENCE.search(text)
        if not match:
            found.append(f"docs/verbs/{verb}.md has no <!-- help --> block")
        elif match[2] != help_text(verb):
            if write:
                page.write_text(text[: match.start(2)] + help_text(verb) + text[match.end(2) :])
            else:
                found.append(f"docs/verbs/{verb}.md: its help is not the program's (python docs/check.py --write)")
    methods = (DOCS / "methods.md").read_text()
    for kind in KINDS:
        found += [f"docs/methods.md does not tell of {kind} {name}" for name in names(kind) if f"`{name}`" not in methods]
    for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        for target in LINK.findall(page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                found.append(f"{page.relative_to(DOCS.parent)}: the link {target} leads nowhere")
    return found


if __name__ == "__main__":
    wrong = faults("--write" in sys.argv)
    print("\n".join(wrong) or "docs: all true")
    sys.exit(1 if wrong else 0)
