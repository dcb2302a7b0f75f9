"""The first step on the page of a run from labels: what was collected, how it was cut, and whether its labels leak."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..create.selection import Selection
from ..data.imageset import ImageSet
from ..data.tags import BETWEEN, tags_of
from ..report.cards import About, Gallery, file_link
from ..report.heat import bar
from ..report.html import Picture, Section, Table
from ..report.thumbs import cards

CLASSES, PICTURES = 40, 24  # classes of a table, examples that are shown


def collection(found: Selection, card: Mapping[str, Any], images: ImageSet, page: Path) -> Section:
    """Classes and counts as bars, examples of what was learned from, and the probes for leaks."""
    data = card["data"]
    text = (
        f"{data['images']:,} images; {data['trained_on']:,} are learned from, and {data['held_out']:,} are held out, "
        f"copies of an image on one side. {_balance(found)}"
    )
    if data["set_aside"]:
        text += f" {len(data['set_aside']):,} files could not be used; `card.json` names each with its cause."
    blocks: list[Picture | Table] = [_counts(found)]
    if shown := _examples(found, images, page):
        blocks.append(Picture(shown, "Examples, as they are in the collection, of images that were learned from."))
    if not found.leaks and not found.several:
        text += (
            "\n\n**Do the labels leak?** No probe had anything to look at: these are no files, or too few of them, and "
            "all pictures have one size."
        )
    if found.leaks:
        text += "\n\n" + _leaks_told(found)
        blocks.append(_leaks(found))
    return Section("Collection", text, blocks)


def _balance(found: Selection) -> str:
    counts = np.array(found.counts["train"])
    low, high = int(counts.min()), int(counts.max())
    if low * 3 >= high:
        return "The classes are about equally large."
    return (
        f"**The classes are unequal**: from {low:,} to {high:,} images to learn from. `--balanced` draws each equally "
        "often; look at the classes one by one below, not at the mean alone."
    )


def _counts(found: Selection) -> Table:
    train, held = (found.counts[name] for name in ("train", "held_out"))
    order = sorted(range(len(found.classes)), key=lambda one: (-train[one], found.classes[one]))
    few = order if len(order) <= CLASSES else [*order[: CLASSES // 2], *order[-CLASSES // 2 :]]
    most = max(max(train), 1)
    what = "label" if found.several else "class"
    rows = [[found.classes[one], bar(train[one] / most, f"{train[one]:,}"), held[one]] for one in few]
    told = f" The {len(few)} largest and smallest of {len(order):,}." if len(few) < len(order) else ""
    return Table([what, "learned from", "held out"], rows, f"Images of each {what}.{told}")


def _examples(found: Selection, images: ImageSet, page: Path) -> Markup | None:
    held = set(found.ids.tolist())
    labels = images.labels
    if labels is None:
        return _annotated(held, images, page)
    each = max(1, min(3, PICTURES // len(found.classes)))
    chosen: dict[str, list[int]] = {}
    for row, (name, label) in enumerate(zip(images.ids.tolist(), labels.tolist())):
        if name not in held and len(own := chosen.setdefault(label, [])) < each:
            own.append(row)
    rows = [(label, row) for label in sorted(chosen) for row in chosen[label]][:PICTURES]
    if not rows:
        return None
    shown = []
    for label, row in rows:
        marks = [tag for tag in label.split(BETWEEN) if tag] if found.several else [label]
        shown.append((images.items[row], about(images, row, page, *marks), Markup("")))
    return cards(shown, Gallery())


def _annotated(held: set[str], images: ImageSet, page: Path) -> Markup | None:
    """The first images that were learned from, with what their annotations say is in them."""
    rows = [row for row, name in enumerate(images.ids.tolist()) if name not in held][:PICTURES]
    if not rows or images.annotations is None:
        return None
    tags = tags_of(images.subset(rows))
    shown = [(images.items[row], about(images, row, page, *own), Markup("")) for row, own in zip(rows, tags)]
    return cards(shown, Gallery())


def about(images: ImageSet, row: int, page: Path, *marks: str, facts: Sequence[tuple[str, object]] = ()) -> About:
    """What stands below a picture: its name as a link to its file."""
    path = str(images.paths[row])
    return About(Path(str(images.ids[row])).name, file_link(path, page), path, facts=facts, marks=marks)


def _leaks_told(found: Selection) -> str:
    beaten = [one["probe"] for one in found.leaks if _beats(one)]
    told = (
        "**Do the labels leak?** A forest of small trees is asked for the label without being shown the picture, and "
        "is scored on images that it did not learn from."
    )
    if not beaten:
        return f"{told} None of the probes beats the commonest class."
    return (
        f"{told} **Labels can be told from {' and '.join(beaten)} better than by chance.** Ask how the images were "
        "gathered: where two cameras, days or programs made two classes, a network may learn these. A larger file can "
        "also simply show more detail."
    )


def _leaks(found: Selection) -> Table:
    rows = []
    for one in found.leaks:
        own = one["accuracy"]
        ends = "too few to say" if own["low"] is None else f"{100 * own['low']:.1f} to {100 * own['high']:.1f} %"
        said = "⚠ beats chance" if _beats(one) else "at chance"
        rows.append([one["probe"], f"{100 * own['mean']:.1f} %", ends, f"{100 * one['chance']:.1f} %", said])
    n = found.leaks[0]["accuracy"]["n"]
    caption = f"Labels from what is not in the picture, on {n:,} images, cross-validated."
    return Table(["looked at", "right", "99 % interval", "chance", "verdict"], rows, caption)


def _beats(leak: Mapping[str, Any]) -> bool:
    return leak["accuracy"]["low"] is not None and leak["accuracy"]["low"] > leak["chance"]
