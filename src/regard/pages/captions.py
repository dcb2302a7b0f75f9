"""What stands below a picture of a search: its name, a link to its file, and what the index knows of it."""

from collections.abc import Mapping
from pathlib import Path

from ..report.cards import About, file_link
from ..reuse.search.query.hits import Hit


def about_file(name: str, item: object, out: Path) -> About:
    """What stands below a picture of which only its name, and where its file is, are known."""
    if not isinstance(item, Path):
        return About(name)
    return About(item.name or name, file_link(item, out), str(item))


def about_hit(hit: Hit, columns: Mapping[str, object], out: Path) -> About:
    """What stands below a hit: its file, its label, its folder, and what else the index keeps of it."""
    folder = str(Path(hit.id).parent)
    facts = [
        ("label", hit.label),
        ("folder", None if folder in (".", hit.label) or Path(hit.id).is_absolute() else folder),
        *columns.items(),
    ]
    return About(hit.name, file_link(hit.path, out), hit.path or hit.id, facts)
