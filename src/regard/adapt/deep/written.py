"""What a run of deep adaptation leaves behind: figures, predictions, how candidates were judged, the representation."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.events import Event
from ...core.storage import write_json
from ...learning.run import Run, started_from, write
from ...metrics.contrast import contrast
from ...metrics.intervals import accuracy_interval
from ..choose.select import Choice
from .arms import Arm
from .contract import NETWORK, DeepMethod
from .looks import keep_looks
from .plan import Plan, module_of
from .training import ARMS, SOURCE_ONLY


def written(
    plan: Plan,
    method: DeepMethod,
    arms: Sequence[Arm],
    best: Arm,
    choice: Choice,
    careful: Choice,
    run: Run,
) -> Iterator[Event]:
    """Figures, predictions, the representation with its classifier; then what is not needed goes."""
    domains, classes, last = plan.domains, np.array(plan.objective.classes), best.done.last
    # a candidate's weights are kept as those of a plain network: at weight 0 nothing is put into it
    module = module_of(replace(plan, layers="all"), replace(method, weight=0.0), best)
    module.objective = replace(plan.objective, method=method)
    seconds = round(sum(arm.done.seconds for arm in arms if arm.folder == best.folder or arm is arms[0]), 3)
    metrics: dict[str, Any] = {
        "source_accuracy": best.judged.source,
        **_worth(domains.truth, classes, arms, best),
        "weight": method.weight,
        "train_loss": last.get("loss", last.get(f"{NETWORK}/loss", np.nan)),
        "source": len(domains.known.train),
        "target": len(domains.target),
        "labelled": len(domains.labelled) if domains.labelled else 0,
        "classes": len(classes),
        "steps": best.done.steps,
        "seconds": seconds,
    }
    notes = [*domains.notes, *best.notes]
    if choice.name == SOURCE_ONLY:
        notes += [f"{arm.name} {arm.judged.failed}." for arm in arms if arm.judged.failed]
        notes.append("The source alone was kept: no method is to be trusted more here.")
    elif careful.name == SOURCE_ONLY:
        notes.append(f"By {plan.by}, no candidate is better than the source alone beyond chance.")
    codes = best.probabilities.argmax(axis=1)
    rows = {"ids": domains.target.ids, "predictions": classes[codes], "notes": notes}
    truth = {} if domains.truth is None else {"labels": domains.truth}
    write_json(run.folder / "predictions.json", rows | truth)
    write_json(run.folder / "choice.json", _told(choice, careful, arms))
    keep_looks(run.folder, arms[0].folder, best.folder, [(arm.name, arm.folder, arm.done) for arm in arms])
    card = {
        "name": f"{plan.arguments['method']}-{plan.start.name}",
        "made_by": f"{choice.name} from {len(domains.known.train)} labelled images of {domains.known.train.name} to "
        f"{len(domains.target)} images of {domains.target.name}, from {plan.start.name}",
        "task": f"adapt: {plan.arguments['method']}",
        "training": {
            "layers": plan.layers,
            "backbone_lr_factor": plan.factor,
            "layer_decay": plan.decay,
            "keep": plan.keep,
            "by": plan.by,
        },
        "parent": started_from(plan.start, "", plan.settings.seed),
        "data": {
            "source": domains.known.train.name,
            "target": domains.target.name,
            "images": len(domains.known.train) + len(domains.target),
            "content": domains.content,
        },
        "scores": metrics,
    }
    module.head = module.head["classes"]
    write(run, module, plan.start.preprocess, best.done, metrics, card, plan.settings, domains.pictures, plan.start)
    shutil.rmtree(run.folder / ARMS, ignore_errors=True)
    yield Event("done", best.done.steps, best.done.steps, metrics, f"wrote {run.folder}")


def _worth(truth: np.ndarray | None, classes: np.ndarray, arms: Sequence[Arm], best: Arm) -> dict[str, float | None]:
    """Accuracies on the target with 95 % intervals over its images; nothing where it has no labels."""
    if truth is None:
        return {}
    alone, right = (classes[arm.probabilities.argmax(axis=1)] == truth for arm in (arms[0], best))
    found: dict[str, float | None] = {}
    for name, interval in (
        ("source_only", accuracy_interval(alone)),
        ("adapted", accuracy_interval(right)),
        ("gain", contrast(right.astype(float), alone.astype(float))),
    ):
        ends = interval.as_dict()
        found |= {name: interval.mean, f"{name}_low": ends["low"], f"{name}_high": ends["high"]}
    # the best of all scorings of all candidates, which target labels chose
    found["oracle"] = max(arm.best for arm in arms if arm.best is not None)
    return found


def _told(choice: Choice, careful: Choice, arms: Sequence[Arm]) -> dict[str, Any]:
    rows = [
        {"name": arm.name, "source": arm.judged.source, "scores": dict(arm.judged.scores), "notes": list(arm.notes)}
        for arm in arms
    ]
    return {"name": choice.name, "by": choice.by, "beside_source_only": careful.name, "candidates": rows}
