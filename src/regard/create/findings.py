"""What a run from labels tells beside its scores: how it went, what the data are like, what to know of both."""

from dataclasses import replace

from ..data.tags import BETWEEN
from ..learning.batches import Feed
from ..learning.module import LearningModule
from .leaks import leak_notes, leak_probes
from .plan import Plan
from .selection import Selection, select


def course_notes(plan: Plan, per_epoch: int, steps: int, keep: str) -> list[str]:
    """What to know of how the run went: an early end, and a choice by the images that it is scored on."""
    settings, notes = plan.settings, []
    meant = settings.epochs * per_epoch if settings.epochs else settings.steps
    if settings.patience and (meant is None or steps < meant):
        of = f" of {meant:,}" if meant else ""
        notes.append(
            f"stopped early at step {steps:,}{of}: {settings.patience} scorings in a row without a better one."
        )
    if settings.patience or keep == "best":
        notes.append(
            "The held-out images chose when to stop or which weights to keep, so that their score is a little too "
            "good: score on images of your own (regard probe, regard predict)."
        )
    return notes


def selected_from(
    plan: Plan, module: LearningModule, feed: Feed, held_out: Feed, notes: list[str], precision: str
) -> Selection:
    """What the held-out images are said to be, and what is known of the data beside."""
    found = select(module, held_out, plan.found.hashes[plan.rows], precision)
    counts = {name: one.labels for name, one in (("train", feed), ("held_out", held_out))}
    images, leaks = plan.found.images, []
    if not found.several:
        leaks = leak_probes(images, plan.settings.seed)
    many = len(found.classes)
    return replace(
        found,
        counts={
            name: (labels.sum(0) if labels.ndim == 2 else labels.bincount(minlength=many)).long().tolist()
            for name, labels in counts.items()
            if labels is not None
        },
        parameters={
            **{
                name: sum(p.numel() for p in part.parameters())
                for name, part in (("encoder", module.encoder), ("head", module.head))
            },
            "features": module.encoder.num_features,
        },
        leaks=[one.as_dict() for one in leaks],
        notes=[*notes, *_joined(found), *leak_notes(leaks), *found.notes],
    )


def _joined(found: Selection) -> list[str]:
    """Class names that look like several labels in one."""
    names = [name for name in found.classes if BETWEEN in name.strip(BETWEEN)]
    if found.several or not names:
        return []
    return [
        f"{len(names)} of {len(found.classes)} classes, such as {names[0]!r}, look like several labels of one image; "
        "--task multilabel learns them so."
    ]
