"""Deep adaptation of a representation, from a labelled source to a target: trained, chosen without target labels, kept.

The source alone is trained first, with the same steps from the same start. Then each candidate: a method at a weight.
Which weights of a run (epochs), and which candidate, is chosen by a score that reads no target label; where the target
has labels they say what it was worth. What the best choice would have been, which only these labels know, is `oracle`.

The run folder is that of every training, with `predictions.json` (the target's) and `choice.json` (how each candidate
was judged) beside it. While it runs, `arms/` holds a folder for each candidate; a run that was killed goes on to the
same numbers.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core import processes
from ...core.checks import InputError, bad, check_choice, check_number
from ...core.discover import load
from ...core.events import Event
from ...core.storage import write_json
from ...learning.method_settings import typed_settings
from ...learning.run import Run, Watch, started_from, watched, write
from ...learning.settings import TrainSettings, completed
from ...metrics.contrast import contrast
from ...metrics.intervals import accuracy_interval
from ...representation.representation import Representation
from ..choose.scorers import SCORERS
from ..choose.select import Choice, decide
from .adapting import Adapting
from .arms import Arm
from .back import judged_back
from .contract import NETWORK, DeepMethod
from .domains import open_domains
from .plan import Feeds, Plan, module_of, plan_of, train_arm
from .result import NEEDED, DeepResult

SOURCE_ONLY = "source_only"
AUTO = "auto"
TRIED = ("adabn", "mcc", "shot")  # by `auto`, where no methods are named; see docs/adapt/deep.md
ARMS = "arms"
RESULTS = ("predictions.json", "choice.json")
OBJECTIVE = ("smoothing", "recipe", "together")  # settings of the objective, which all methods share


def adapt_images(
    source: Any, target: Any, method: str, representation: Representation | str | Path = "imagenet", **options: Any
) -> DeepResult:
    """Adapt a representation; see `adapt_images_events` for the arguments. `watch` wraps the stream of events."""
    watch: Watch | None = options.pop("watch", None)
    watched(adapt_images_events(source, target, method, representation, **options), watch)
    return DeepResult.load(options["out"])


def adapt_images_events(
    source: Any,
    target: Any,
    method: str,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    labelled: Any = None,
    chosen: Mapping[str, Any] | None = None,
    by: str = "circular",
    keep: str = "best",
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    layer_decay: float = 1.0,
    settings: TrainSettings | None = None,
    resume: bool = True,
) -> Iterator[Event]:
    """Adapt, and yield what happens; the last event is `done`. Called again on the same folder it goes on.

    Args:
        source: labelled images, as `open_images` takes them.
        target: images; their labels, where there are some, serve for the score alone.
        method: one of `names("deep")`. Several, separated by commas, or `auto` for `TRIED`: each is a candidate, and so
            is the source alone, which stays unless another is better beyond chance by circular validation with a second
            network (see `back`).
        representation: what to start from, by name or folder; it is not changed.
        out: a new or empty folder, or that of the same run.
        labelled: target images with labels, which are learned from.
        chosen: settings of the method, and `smoothing`, `recipe`, `together`. Several weights are candidates.
        by: the score that chooses, see `choose.scorers`.
        keep: of each candidate the `best` weights by that score, or the `last`.
        layers: what of the network learns, see `learning.freezing`.
        backbone_lr_factor: the network's rate is this times the classifier's.
        layer_decay: each stage of the network has the next one's rate times this.
        settings: length, rate, seed ...; what is left open: 64 images of each domain a step (fewer where there are
            fewer), and 20 epochs of the source, but at least 200 and at most 20,000 steps.
        resume: False starts anew.

    Raises:
        InputError: as `open_domains`; unknown names; a network that the method cannot adapt, or not by `layers`.
        RunError: the run went wrong (NaN).
    """
    check_number("--backbone-lr-factor", backbone_lr_factor, 0, 1, open_low=True)
    check_choice("--keep", keep, ["last", "best"])
    check_choice("--by", by, SCORERS)
    asked = completed(settings or TrainSettings())
    methods, shared = candidates(method, chosen)
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    methods = _admitted(methods, start, layers, of_itself=method == AUTO)
    domains = open_domains(source, target, labelled, asked.seed)
    arguments = {
        "method": method,
        "from": start.fingerprint,
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        "layer_decay": layer_decay,
        **{f"set {key}": value for key, value in (chosen or {}).items()},
        **asked.recipe(),
        "by": by,
        "keep": keep,
        "images": domains.content,
    }
    plan = plan_of(
        start,
        domains,
        list(methods.values()),
        asked,
        shared=shared,
        layers=layers,
        factor=backbone_lr_factor,
        decay=layer_decay,
        by=by,
        keep=keep,
    )
    run = Run.open(out, arguments, resume, results=RESULTS)
    if not resume and processes.first():
        shutil.rmtree(run.folder / ARMS, ignore_errors=True)
    if ended := run.finished(NEEDED):
        yield ended
        return
    plan = replace(plan, arguments=run.arguments)
    yield from run.logged(_events(plan, methods, run))


def candidates(method: str, chosen: Mapping[str, Any] | None = None) -> tuple[dict[str, DeepMethod], dict[str, Any]]:
    """The methods at each of their weights, by name, and the settings that are the objective's.

    Settings of a method can be given where it is the only one.

    Raises:
        InputError: no such method or setting, or one out of range.

    >>> sorted(candidates("mcc", {"weight": (0.5, 1), "recipe": "none"})[0])
    ['mcc', 'mcc weight=0.5']
    """
    given = dict(chosen or {})
    shared = typed_settings(Adapting, {key: given.pop(key) for key in OBJECTIVE if key in given})
    if several_named(method):
        if given:
            raise bad("--set", ", ".join(given), f"{', '.join(OBJECTIVE)} alone with several methods", "Name one.")
        named = TRIED if method == AUTO else [one.strip() for one in method.split(",")]
        return {one: load("deep", one)() for one in dict.fromkeys(named)}, shared
    kind = load("deep", method)
    weights = given.pop("weight", None)
    own = typed_settings(kind, given, more=("weight", *OBJECTIVE))
    several = weights if isinstance(weights, list | tuple) else [weights]
    if not len(several):
        raise bad("--set weight", "none", "a number, or several")
    made = [kind(**own, **({} if one is None else typed_settings(kind, {"weight": one}))) for one in several]
    usual = kind(**own).weight
    names = [method if one.weight == usual else f"{method} weight={one.weight:g}" for one in made]
    return dict(zip(names, made)), shared


def several_named(method: str) -> bool:
    """Whether it is chosen among several methods and the source alone."""
    return method == AUTO or "," in method


def _admitted(
    methods: Mapping[str, DeepMethod], start: Representation, layers: str, of_itself: bool
) -> dict[str, DeepMethod]:
    """Those that this network can be adapted by; `of_itself` leaves the others out, where nobody named them."""
    found = {}
    for name, one in methods.items():
        try:
            one.admits(start.encoder)
            if one.equips and layers.partition(":")[0] == "lora":
                why = "all, head or last:N with a method that changes the network itself"
                raise bad("--layers", repr(layers), why, f"{name} is one.")
        except InputError:
            if not of_itself:
                raise
        else:
            found[name] = one
    return found


def _events(plan: Plan, methods: Mapping[str, DeepMethod], run: Run) -> Iterator[Event]:
    feeds = Feeds(plan)
    arms: list[Arm] = []
    alone = DeepMethod(weight=0.0)
    for name, method in {SOURCE_ONLY: alone, **methods}.items():
        if name != SOURCE_ONLY and method.weight == 0:  # it is the source alone
            arms.append(replace(arms[0], name=name, judged=replace(arms[0].judged, name=name)))
            continue
        before = arms[0] if name != SOURCE_ONLY and method.goes_on else None
        folder = run.folder / ARMS / name.replace(" ", "-")
        arm = yield from train_arm(plan, feeds, name, method, before, folder)
        arms.append((yield from judged_back(plan, method, arm)) if several_named(plan.arguments["method"]) else arm)
    if not processes.first():
        return
    by = "circular" if several_named(plan.arguments["method"]) else plan.by
    careful = decide([arm.judged for arm in arms], by, SOURCE_ONLY)
    # a method that was named alone is kept, as it was asked for
    choice = careful if several_named(plan.arguments["method"]) else decide([arm.judged for arm in arms[1:]], by)
    best = next(arm for arm in arms[::-1] if arm.name == choice.name)
    yield from _written(plan, {SOURCE_ONLY: alone, **methods}[choice.name], arms, best, choice, careful, run)


def _written(
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
    if careful.name == SOURCE_ONLY:
        notes.append(f"By {plan.by}, no candidate is better than the source alone beyond chance.")
    codes = best.probabilities.argmax(axis=1)
    rows = {"ids": domains.target.ids, "predictions": classes[codes], "notes": notes}
    truth = {} if domains.truth is None else {"labels": domains.truth}
    write_json(run.folder / "predictions.json", rows | truth)
    write_json(run.folder / "choice.json", _told(choice, careful, arms))
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
