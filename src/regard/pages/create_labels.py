"""The page of a run from labels: collection, representation, model, learning, selection, as a course tells them."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..core.event_log import read_log
from ..core.runtime import threads
from ..create.selection import Selection
from ..data.imageset import ImageSet
from ..learning.run import read_metrics
from ..metrics.intervals import Interval, accuracy_interval
from ..report.gains import seconds
from ..report.html import Highlight, write_report
from ..representation.folder_records import read_card
from .labels_data import collection
from .labels_selection import selection_section, truth_of, units_of
from .labels_training import learning, model, representation

REPORT = "report.html"
GUESSED = 0.05  # p-values from here on say that guessing would do as well


def write_labels_page(folder: Path, images: ImageSet, path: Path | None = None) -> Path:
    """Write the page of a finished run of `create` that names classes, and return its path.

    Args:
        folder: of the run.
        images: what it was made from, whose pictures are shown.
        path: of the page; None: `report.html` in the folder.

    Raises:
        InputError: files that were changed or do not belong together; a name that does not end in .html.
    """
    card, found, metrics = read_card(folder), Selection.read(folder), read_metrics(folder, {})
    events = read_log(folder / "events.jsonl") if (folder / "events.jsonl").exists() else []
    page = folder / REPORT if path is None else path
    units = units_of(found, images)
    whole = _accuracy(found, units)
    sections = [
        collection(found, card, images, page),
        representation(folder, found, card),
        model(found, card),
        learning(found, card, events),
        *selection_section(found, card, metrics, images, page, units),
    ]
    return write_report(
        page,
        f"Learning from labels: {card['data']['name']}, {card['backbone']}",
        sections,
        _summary(found, card, metrics, whole),
        highlights=_highlights(found, metrics, whole),
        facts=_facts(card),
    )


def _accuracy(found: Selection, units: np.ndarray | None) -> Interval | None:
    """The accuracy with its interval, over identities where these are known; None for several labels an image."""
    return None if found.several else accuracy_interval(truth_of(found)[0], units)


def _summary(found: Selection, card: Mapping[str, Any], metrics: Mapping[str, Any], whole: Interval | None) -> str:
    data = card["data"]
    if whole is not None:
        told = (
            f"Of {len(found.ids):,} images that were held out the network names **{100 * whole.mean:.1f} %** rightly "
            f"{whole.told(100, 1)}; always saying the commonest class would give {100 * metrics['chance']:.1f} %. It "
            f"learned from {data['trained_on']:,} images of {len(found.classes):,} classes."
        )
    else:
        told = (
            f"Several labels an image: mAP **{metrics['map']:.3f}** on {len(found.ids):,} images that were held out; "
            f"a random order would give about {metrics['chance']:.3f}. It learned from {data['trained_on']:,} images "
            f"with {len(found.classes):,} labels."
        )
    if metrics.get("p_value", 0.0) > GUESSED:
        told += " **As far as so few images can tell, that is no more than guessing gives.**"
    told += (
        "\n\nThe steps of supervised learning, in their order: a **collection** of labelled images, a "
        "**representation** of each, a **model** on top, **learning** both from one part of the collection, and "
        "**selection**: what the other part says of the result."
    )
    notes = "".join(f"\n- {_plain(note)}" for note in found.notes)
    return told + (f"\n\n**What to know**\n\n{notes.strip()}" if notes else "")


def _plain(note: str) -> str:
    """A note in which names are no markup."""
    return note.replace("`", "'").replace("**", "* *")


def _highlights(found: Selection, metrics: Mapping[str, Any], whole: Interval | None) -> list[Highlight]:
    if whole is None:
        shown = [Highlight(f"{metrics['map']:.3f}", "mAP, held out", f"random order {metrics['chance']:.3f}")]
    else:
        shown = [Highlight(f"{100 * whole.mean:.1f} %", "of held-out images right", f"95 % {whole.told(100, 1)}")]
        right, truth = truth_of(found)
        each = [
            (float(right[truth == one].mean()), int((truth == one).sum()), found.classes[one]) for one in set(truth)
        ]
        share, many, name = min(each)
        shown.append(Highlight(f"{100 * share:.0f} %", "in the worst class", f"{name[:40]}, {many:,} held out"))
    if found.temperature is not None:
        text = f"{100 * metrics['ece']:.1f} → {100 * metrics['ece_calibrated']:.1f} %"
        shown.append(Highlight(text, "calibration error", f"before and after temperature {found.temperature:.2f}"))
    return shown


def _facts(card: Mapping[str, Any]) -> dict[str, object]:
    training, cost = card["training"], card["cost"]
    names = ("seed", "precision", "device", "lr", "weight_decay", "batch", "schedule")
    return {
        "made by": card["made_by"],
        **{name.replace("_", " "): training[name] for name in names if name in training},
        "images": f"{card['data']['images']:,}, content {card['data']['content'][:12]}",
        "time": seconds(cost["seconds"]),
        "peak memory": f"{cost['peak_mib']:,.0f} MiB",
        "regard": card.get("made_with", {}).get("regard", __version__),
        "machine": f"{platform.machine()}, {threads()} processors",
    }
