"""A planned run, carried out: trained, scored, and written into its folder.

Beside what every run folder holds (see `learning.run`) there are `preview.png` (the puzzle) and `answers.png` (what the
network made of it).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..backbones.encoder import evaluating
from ..backbones.norms import parse_norm
from ..core import processes
from ..core.events import Event
from ..learning.batches import Feed
from ..learning.module import LearningModule
from ..learning.preview import save_preview
from ..learning.run import Run, learn, started_from, write
from ..learning.scored import Scores
from ..learning.scores import control_scores, held_out_scores, shortcut_scores
from ..representation.classifier import ANSWERS as ANSWERS_BY
from ..representation.representation import Representation
from .findings import course_notes, selected_from
from .health import Health
from .plan import Plan


def carried_out(
    plan: Plan,
    run: Run,
    keep: str,
    told: Mapping[str, Any],
    module: LearningModule | None = None,
    source: Representation | None = None,
) -> Iterator[Event]:
    """Train by a plan, score, and write the run folder.

    Args:
        plan: what is learned from what.
        run: its folder.
        keep: `last` or `best`.
        told: what the card says beside the rest: `name`, `task`, more for `training`.
        module: what learns; None: the plan's own.
        source: whose weights it has in part, beside the plan's parent.
    """
    settings, known = plan.settings, plan.known
    module = plan.module() if module is None else module
    encoder, objective = module.encoder, module.objective
    feed, held_out = (
        Feed(
            images,
            plan.preprocess,
            classes=objective.classes,
            targets=objective.marks(images),
            workers=settings.threads,
        )
        for images in (known.train, known.held_out)
    )
    module.follow(feed, settings.seed)
    health = Health(encoder, feed, held_out, known, plan.preprocess)
    if processes.first():
        save_preview(run.folder / "preview.png", objective, next(held_out.in_order(4)).images, settings.seed)
    # similar pictures are similar vectors for any network: what no training reaches is the honest floor beside chance
    untrained = held_out_scores(module, held_out, settings.seed)

    def evaluate() -> Scores:
        return held_out_scores(module, held_out, settings.seed).with_more(health.scores())

    batches = plan.batches(feed)
    done = yield from learn(run, module, batches, settings, evaluate, keep)
    if not processes.first():
        return
    scores = (
        done.scores
        | {f"untrained_{untrained.main}": untrained.score}
        | control_scores(module, held_out, settings.seed)
        | shortcut_scores(module, held_out, settings.seed)
    )
    notes = [*plan.notes, *course_notes(plan, batches.steps_per_epoch, done.steps, keep)]
    selected = None
    if objective.classifies:
        selected = selected_from(plan, module, feed, held_out, notes, done.precision if keep == "last" else "fp32")
        scores |= selected.scores()
        notes = selected.notes
        selected.write(run.folder)
    with evaluating(module):
        images = next(held_out.in_order(4)).images.to(next(encoder.parameters()).device)
        save_preview(run.folder / "answers.png", objective, images, settings.seed, encoder, module.head)
    aside = [*plan.found.images.set_aside]
    aside += [{"path": path, "cause": cause} for path, cause in (feed.failed | held_out.failed).items()]
    metrics = {**scores, "steps": done.steps, "seconds": round(done.seconds, 3), "set_aside": len(aside)}
    card = {
        "made_by": f"{told['task']} from {len(known.train)} images",
        **told,
        "training": {"keep": keep, **({"balanced": True} if plan.balanced else {}), **told.get("training", {})},
        "backbone": plan.backbone,
        **({} if plan.norm is None else {"norm": str(parse_norm(plan.norm))}),
        "size": plan.preprocess.shape[0],
        "parent": started_from(plan.parent, plan.backbone, settings.seed),
        "data": {
            "name": plan.found.images.name,
            "images": len(plan.found.images),
            "trained_on": len(known.train),
            "held_out": len(known.held_out),
            "content": plan.found.content,
            "set_aside": aside,
            **({"notes": notes} if notes else {}),
        },
        "scores": scores,
    }
    if selected is not None and selected.several:
        card[ANSWERS_BY] = "the sigmoid of each of `regard.representation.classifier.read_classifier(RUN, layer=True)`"
    learned = plan.found.hashes.tolist()
    temperature = None if selected is None else selected.temperature
    parents = [one for one in (plan.parent, source) if one is not None]
    write(run, module, plan.preprocess, done, metrics, card, settings, learned, parents, temperature)
    yield Event("done", done.steps, done.steps, metrics, _closing(run.folder, aside, len(plan.found.images)))


def _closing(folder: Path, aside: list[dict[str, str]], used: int) -> str:
    text = f"wrote {folder}"
    if aside:
        shown = "; ".join(f"{row['path']}: {row['cause']}" for row in aside[:5])
        more = f"; and {len(aside) - 5} more, see card.json" if len(aside) > 5 else ""
        text += f"; {len(aside)} of {used + len(aside)} files set aside: {shown}{more}"
    return text
