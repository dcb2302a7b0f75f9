"""The order of the pages in the documentation: guide, verbs as the work flows, methods, figures, decisions.

mkdocs calls `on_config`. Pages are found by themselves; those that no list names come last in their section.
"""

from pathlib import Path
from typing import Any

from regard.cli import verbs

DOCS = Path(__file__).parent
GUIDE = (
    "your-own-images",
    "which-verb",
    "data",
    "annotations",
    "pairs",
    "dense",
    "representations",
    "seeing-features",
    "python",
    "normalization",
    "precision-and-speed",
    "instance-descriptors",
    "traditional",
    "adding-a-method",
    "glossary",
)


def pages(folder: str, order: tuple[str, ...] | list[str] = ()) -> list[str]:
    """The pages of a folder, those of `order` first."""
    names = sorted(page.stem for page in (DOCS / folder).glob("*.md"))
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    return [f"{folder}/{name}.md" for name in names]


def on_config(config: Any) -> Any:
    """Give mkdocs the order of the pages."""
    known = ("index", "methods", "reproduced")
    others = sorted(page.name for page in DOCS.glob("*.md") if page.stem not in known)
    config["nav"] = [
        {"Home": "index.md"},
        {"Guide": pages("guide", GUIDE)},
        {"Verbs": pages("verbs", verbs())},
        {"Creating": pages("tasks", ("index", "evaluating", "shortcuts"))},
        {"Adapting": pages("adapt", ("index", "deep", "choice", "measures"))},
        {"Keeping": pages("lifelong", ("index", "streams", "playing", "frozen", "training", "unlabelled"))},
        {"Reference": ["methods.md", "reproduced.md", *others]},
        {"Decisions": pages("decisions")},
    ]
    return config
