"""The page of `regard duplicates`: copies side by side, with the box of a crop in the image that it is of."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .duplicates import why

WIDE = 8  # pictures of a group that are shown


def write_page(out: Path, index: str, images: Any, found: Any, shown: Mapping[str, Sequence[Any]], limit: int) -> None:
    """Write the page: groups of copies, then pairs of each kind with what was measured; at most `limit` of each."""
    from ..report.html import Picture, Section, write_report
    from ..report.thumbs import previews

    items = {str(name): item for name, item in zip(images.ids, images.items)}
    sections = []
    if found.groups:
        blocks = [
            Picture(previews([(name, items[name]) for name in group[:WIDE]]), _more(len(group), WIDE, "images"))
            for group in found.groups[:limit]
        ]
        sections.append(Section("Groups of copies", _more(len(found.groups), limit, "groups"), blocks))
    for kind, pairs in shown.items():
        blocks = [
            Picture(
                previews([(one.a, _drawn(items[one.a], one, "a")), (one.b, _drawn(items[one.b], one, "b"))]), _told(one)
            )
            for one in pairs[:limit]
        ]
        if blocks:
            sections.append(Section(kind.capitalize(), _more(len(pairs), limit, "pairs"), blocks))
    counts = ", ".join(f"{kind}: {len(pairs)}" for kind, pairs in shown.items())
    if not sections:
        sections = [Section("Nothing found", "There are no copies among these images.")]
    parts = sum(one.kind == "same photo" and "part" in one.evidence for one in found.pairs)
    counts += f". Groups of copies: {len(found.groups)}. Parts of others: {parts}"
    aside = f" {len(found.set_aside)} image(s) could not be read." if found.set_aside else ""
    write_report(out, f"Copies in {index}", sections, f"Images: {len(images)}. Pairs: {counts}.{aside}")


def _more(count: int, limit: int, what: str) -> str:
    return f"The first {limit} of {count} {what}." if count > limit else f"{count} {what if count > 1 else what[:-1]}."


def _told(pair: Any) -> str:
    return f"{pair.score:.0%} alike: {why(pair)}"


def _drawn(item: Any, pair: Any, side: str) -> Any:
    """The picture; where the other one is a part of it, with the box where that lies."""
    about = pair.evidence
    if about.get("part") not in ("a", "b") or about["part"] == side:
        return item
    import numpy as np
    from PIL import Image, ImageDraw

    from ..data.decode import decode

    picture = Image.fromarray(decode(item).permute(1, 2, 0).numpy())
    ImageDraw.Draw(picture).rectangle(about["box"], outline=(255, 80, 0), width=max(2, max(picture.size) // 80))
    return np.asarray(picture)
