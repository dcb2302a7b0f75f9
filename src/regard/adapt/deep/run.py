"""Deep adaptation of a representation, from a labelled source to a target: trained, chosen without target labels, kept.

The source alone is trained first, with the same steps from the same start. Then each candidate: a method at a weight.
Which weights of a run (epochs), and which candidate, is chosen by a score that reads no target label; where the target
has labels they say what it was worth. What the best choice would have been, which only these labels know, is `oracle`.

The run folder is that of every training, with `predictions.json` (the target's) and `choice.json` (how each candidate
was judged) beside it. While it runs, `arms/` holds a folder for each candidate; a run that was killed goes on to the
same numbers.
"""

import copy
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ...core import processes
from ...core.checks import bad, check_choice, check_number
from ...core.discover import load
from ...core.events import Event
from ...core.runtime import derive_seed, numpy_rng, seeded_init
from ...core.storage import write_json
from ...data.imageset import ImageSet
from ...learning.batches import Feed
from ...learning.method_settings import typed_settings
from ...learning.run import Run, Watch, started_from, watched, write
from ...learning.sampling import Batches, Shuffled, Together
from ...learning.settings import TrainSettings, completed
from ...metrics.contrast import contrast
from ...metrics.intervals import accuracy_interval
from ...representation.representation import Representation
from ..choose.scorers import SCORERS
from ..choose.select import Choice, decide
from .adapting import Adapting
from .arms import Arm, Exam, run_arm
from .batches import InOrder, PartlyKnown
from .contract import NETWORK, DeepMethod
from .domains import ImageDomains, open_domains
from .module import Adapted
from .result import NEEDED, DeepResult

SOURCE_ONLY = "source_only"
ARMS = "arms"
RESULTS = ("predictions.json", "choice.json")
OBJECTIVE = ("smoothing", "recipe", "together")  # settings of the objective, which all methods share
FEW = 1000  # source images by which density ratios are learned


@dataclass(frozen=True, eq=False)
class _Plan:
    """What a run is made of, before anything is trained."""

    start: Representation
    domains: ImageDomains
    objective: Adapting
    settings: TrainSettings
    layers: str
    factor: float
    decay: float
    by: str
    keep: str
    arguments: Mapping[str, Any]


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
        method: one of `names("deep")`.
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
    for one in methods.values():
        one.admits(start.encoder)
        if one.equips and layers.partition(":")[0] == "lora":
            why = "all, head or last:N with a method that changes the network itself"
            raise bad("--layers", repr(layers), why, f"{method} is one.")
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
    objective = Adapting(**shared).configure(domains.known)
    alone = not objective.together or any(not one.needs_source for one in methods.values())
    if alone and len(domains.target) < 2:
        raise bad(
            "TARGET", "1 image", f"at least 2, as {method} passes target images through the network by themselves"
        )
    objective = replace(objective, targets=len(domains.target), seed=asked.seed)
    run = Run.open(out, arguments, resume, results=RESULTS)
    if not resume and processes.first():
        shutil.rmtree(run.folder / ARMS, ignore_errors=True)
    if ended := run.finished(NEEDED):
        yield ended
        return
    length = _length(asked, len(domains.known.train), len(domains.target))
    plan = _Plan(start, domains, objective, length, layers, backbone_lr_factor, layer_decay, by, keep, run.arguments)
    yield from run.logged(_events(plan, methods, run))


def candidates(method: str, chosen: Mapping[str, Any] | None = None) -> tuple[dict[str, DeepMethod], dict[str, Any]]:
    """The method at each of its weights, by name, and the settings that are the objective's.

    Raises:
        InputError: no such method or setting, or one out of range.

    >>> sorted(candidates("mcc", {"weight": (0.5, 1), "recipe": "none"})[0])
    ['mcc', 'mcc weight=0.5']
    """
    kind = load("deep", method)
    given = dict(chosen or {})
    shared = typed_settings(Adapting, {key: given.pop(key) for key in OBJECTIVE if key in given})
    weights = given.pop("weight", None)
    own = typed_settings(kind, given, more=("weight", *OBJECTIVE))
    several = weights if isinstance(weights, list | tuple) else [weights]
    if not len(several):
        raise bad("--set weight", "none", "a number, or several")
    made = [kind(**own, **({} if one is None else typed_settings(kind, {"weight": one}))) for one in several]
    usual = kind(**own).weight
    names = [method if one.weight == usual else f"{method} weight={one.weight:g}" for one in made]
    return dict(zip(names, made)), shared


def _length(asked: TrainSettings, count: int, targets: int) -> TrainSettings:
    """With what is left open; the batch is that of each domain."""
    found = replace(asked, batch=min(asked.batch or 64, count))
    if asked.epochs is asked.steps is asked.minutes is None:
        found = replace(found, steps=min(max(20 * (count // (found.batch or 1)), 200), 20_000))
    return found


def _events(plan: _Plan, methods: Mapping[str, DeepMethod], run: Run) -> Iterator[Event]:
    feeds = _Feeds(plan)
    arms: list[Arm] = []
    for name, method in {SOURCE_ONLY: DeepMethod(weight=0.0), **methods}.items():
        if name != SOURCE_ONLY and method.weight == 0:  # it is the source alone
            arms.append(replace(arms[0], name=name, judged=replace(arms[0].judged, name=name)))
            continue
        goes_on = name != SOURCE_ONLY and (method.starts_taught or method.continues or not method.learns)
        before = arms[0] if goes_on else None
        module = _module(plan, method, before)
        folder = run.folder / ARMS / name.replace(" ", "-")
        module.follow(feeds.target, plan.settings.seed)
        batches = feeds.batches(method)
        arms.append(
            (
                yield from run_arm(
                    name,
                    module,
                    batches,
                    _own_length(plan.settings, method, batches),
                    feeds.exam,
                    folder,
                    plan.arguments,
                    plan.keep,
                    before,
                )
            )
        )
    if not processes.first():
        return
    choice = decide([arm.judged for arm in arms[1:]], plan.by)
    careful = decide([arm.judged for arm in arms], plan.by, SOURCE_ONLY)
    best = next(arm for arm in arms[1:] if arm.name == choice.name)
    yield from _written(plan, methods[choice.name], arms, best, choice, careful, run)


def _own_length(settings: TrainSettings, method: DeepMethod, batches: Batches) -> TrainSettings:
    """The run's length, or a method's own, counted in passes over the target."""
    target = batches.sources.get("target") if isinstance(batches, Together) else None
    steps = method.steps(target.steps_per_epoch) if target else None
    return settings if steps is None else replace(settings, epochs=None, minutes=None, steps=steps)


def _module(plan: _Plan, method: DeepMethod, before: Arm | None) -> Adapted:
    """A candidate's network before its first step: from the representation, or from where another one ended."""
    objective, encoder = replace(plan.objective, method=method), copy.deepcopy(plan.start.encoder)
    seed = plan.settings.seed
    with seeded_init(derive_seed(seed, "head")):
        head = objective.head(encoder)
        if before is not None:
            _put(before, encoder, head)
        if method.starts_taught:
            head["classes"].requires_grad_(False)
        return Adapted(objective, encoder, head, plan.layers, plan.factor, seed, plan.decay)


def _put(arm: Arm, encoder: nn.Module, head: nn.ModuleDict) -> None:
    """Give a network, its classifier and its copy, where there is one, the weights of a candidate that is done."""
    weights = arm.weights()
    copies = [head["source"]] if "source" in head else []
    for prefix, modules in (("encoder.", [encoder, *copies]), ("classes.", [head["classes"]])):
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        for module in modules:
            module.load_state_dict(own)


class _Feeds:
    """The images of a run as batches, and what its candidates are judged on."""

    def __init__(self, plan: _Plan) -> None:
        domains, classes = plan.domains, plan.objective.classes
        self.plan = plan
        self.source, self.held = self._feed(domains.known.train, classes), self._feed(domains.known.held_out, classes)
        self.target = self._feed(domains.target, ())
        self.labelled = None if domains.labelled is None else self._feed(domains.labelled, classes)
        some = domains.known.train
        if len(some) > FEW:
            rows = numpy_rng(plan.settings.seed, "ratios").choice(len(some), FEW, replace=False)
            some = some.subset(np.sort(rows))
        truth = None
        if domains.truth is not None:
            places = {name: code for code, name in enumerate(classes)}
            truth = np.array([places.get(str(one), -1) for one in domains.truth])
        codes = np.searchsorted(np.array(classes), domains.known.held_out.need_labels("", 1))
        self.exam = Exam(self.held, codes, self._feed(some, classes), self.target, truth, plan.by)

    def _feed(self, images: ImageSet, classes: Sequence[str]) -> Feed:
        return Feed(images, self.plan.start.preprocess, classes=classes, workers=self.plan.settings.threads)

    def batches(self, method: DeepMethod) -> Batches:
        """Source batches, and where the method looks at the target its batches beside them."""
        size, seed = self.plan.settings.batch or 1, self.plan.settings.seed
        source = Shuffled(self.source, len(self.source.images), size, seed)
        if method.weight == 0 or not method.learns:
            return Together({"source": source})
        n = len(self.target.images)
        target: Batches = (
            InOrder(self.target, n, min(size, n))
            if method.as_is
            else Shuffled(self.target, n, min(size, n), seed, "target")
        )
        known = None
        if self.labelled is not None:
            few = len(self.labelled.images)
            known = Shuffled(self.labelled, few, min(max(size // 2, 1), few), seed, "labelled")
        return Together({"source": source, "target": PartlyKnown(target, known)})


def _written(
    plan: _Plan,
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
    module = _module(replace(plan, layers="all"), replace(method, weight=0.0), best)
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
