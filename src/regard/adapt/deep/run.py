"""Deep adaptation of a representation, from a labelled source to a target: trained, chosen without target labels, kept.

The source alone is trained first, with the same steps from the same start. Then each candidate: a method at a weight.
Which weights of a run (epochs), and which candidate, is chosen by a score that reads no target label; where the target
has labels they say what it was worth. What the best choice would have been, which only these labels know, is `oracle`.

The run folder is that of every training, with `predictions.json` (the target's), `choice.json` (how each candidate was
judged) and what `looks` keeps beside it. While it runs, `arms/` holds a folder for each candidate; a run that was
killed goes on to the same numbers.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...core import processes
from ...core.checks import bad, check_choice, check_number
from ...core.discover import load
from ...core.events import Event
from ...learning.method_settings import typed_settings
from ...learning.run import Run, Watch, watched
from ...learning.settings import TrainSettings, completed
from ...representation.representation import Representation
from ..choose.scorers import SCORERS
from ..choose.select import decide
from .adapting import Adapting
from .auto import take
from .contract import DeepMethod
from .domains import open_domains
from .looks import CURVES, FEATURES
from .plan import Plan, admitted, check_methods, length_of, objective_of
from .result import NEEDED, DeepResult
from .training import ARMS, SOURCE_ONLY, train_all
from .written import written

AUTO = "auto"
# by `auto`, where no methods are named (see docs/adapt/deep.md); CDAN at its paper's weight, for large shifts
TRIED = ("cdan weight=1", "mcc")
RESULTS = ("predictions.json", "choice.json", FEATURES, CURVES)
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
            is the source alone; see `auto.take`.
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
    if method == AUTO:
        methods = admitted(methods, start, layers)
    else:
        check_methods(methods.values(), method, start, layers)
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
    objective = objective_of(methods.values(), method, shared, domains, asked.seed)
    run = Run.open(out, arguments, resume, results=RESULTS)
    if not resume and processes.first():
        shutil.rmtree(run.folder / ARMS, ignore_errors=True)
    if ended := run.finished(NEEDED):
        yield ended
        return
    length = length_of(asked, len(domains.known.train))
    plan = Plan(start, domains, objective, length, layers, backbone_lr_factor, layer_decay, by, keep, run.arguments)
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
        return dict(_at_weight(one) for one in dict.fromkeys(named)), shared
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


def _at_weight(name: str) -> tuple[str, DeepMethod]:
    """A method by its name, as it is or as in "cdan weight=1"; named as `candidates` does."""
    method, _, weight = name.partition(" weight=")
    return next(iter(candidates(method, {"weight": float(weight)} if weight else None)[0].items()))


def several_named(method: str) -> bool:
    """Whether it is chosen among several methods and the source alone."""
    return method == AUTO or "," in method


def _events(plan: Plan, methods: Mapping[str, DeepMethod], run: Run) -> Iterator[Event]:
    arms = yield from train_all(plan, methods, run.folder / ARMS)
    if not processes.first():
        return
    if several_named(plan.arguments["method"]):
        choice, arms = take(arms, methods, plan.objective.classes, plan.domains.known.train.need_labels("SOURCE"))
        careful = choice
    else:  # a method that was named alone is kept, as it was asked for
        choice = decide([arm.judged for arm in arms[1:]], plan.by)
        careful = decide([arm.judged for arm in arms], plan.by, SOURCE_ONLY)
    best = next(arm for arm in arms[::-1] if arm.name == choice.name)
    taken = methods.get(choice.name, DeepMethod(weight=0.0))
    yield from written(plan, taken, arms, best, choice, careful, run)
