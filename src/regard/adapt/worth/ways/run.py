"""The four ways to use a deep network on another domain, compared: on the same images, seeds and known labels.

Shallow methods on the features of a representation; the network fine-tuned on the source and then applied; the same
shallow methods on its features; deep adaptation end to end. For each seed the source teaches one network, from which
all deep methods go on that do not start anew, and which all are compared with. The ceiling is a network that learned
from half of the target's labels, and told the other half.

The folder holds a cell for each row and seed, `cells/NAME-SEED.json`, and `networks/SEED`: what was stopped goes on to
the same numbers, and methods that are added later are all that is then run.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....core import processes
from ....core.checks import bad, check_choice, check_number
from ....learning.method_settings import typed_settings
from ....learning.run import Run, Watch, watched
from ....learning.settings import TrainSettings, completed
from ....representation.embed import embed
from ....representation.representation import Representation
from ...choose.scorers import SCORERS
from ...classifier import ClassifierLike
from ...deep.adapting import Adapting
from ...deep.domains import open_sides
from ..inputs import check_target
from .cells import Cells
from .found import (
    CEILING,
    DEEP,
    DEEP_AUTO,
    DRAWS,
    FINETUNED,
    FINETUNED_AND_LABELS,
    FROZEN,
    ON_TUNED,
    ORACLE,
    SEEDS,
    TUNED,
    FourWays,
)
from .named import named, networks_of
from .networks import Training
from .rows import Line, Luck, chosen_among, rows_of
from .shallow import shallow_estimators
from .sides import drawn, in_halves, part
from .work import Work

CELLS, NETWORKS = "cells", "networks"


def compare_ways(
    source: Any,
    target: Any,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    shallow: Sequence[str] | None = None,
    deep: Sequence[str] | None = None,
    classifier: ClassifierLike = "linear",
    chosen: Mapping[str, Mapping[str, Any]] | None = None,
    objective: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    share: float = 1.0,
    shots: int = 0,
    by: str = "circular",
    keep: str = "best",
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    layer_decay: float = 1.0,
    settings: TrainSettings | None = None,
    ceiling: bool = True,
    resume: bool = True,
    watch: Watch | None = None,
) -> FourWays:
    """Compare the four ways to use a deep network on a target domain.

    Cost: for each seed one training on the source, one for each deep method that learns, two of half the target for the
    ceiling, and with `shots` one more.

    Args:
        source: labelled images, as `open_images` takes them; a column `domain` tells several sources apart.
        target: labelled images, whose labels serve for the score, the ceiling, and `shots`.
        representation: what all start from, by name or folder; it is not changed.
        out: a new or empty folder, or that of the same comparison, which goes on.
        shallow: methods on vectors, of which `auto` may be one; None: a few, ("all",): all that can be run.
        deep: the same of methods that train the network.
        classifier: on top of vectors.
        chosen: deep method -> its settings; several weights are candidates, of which `by` keeps one.
        objective: `smoothing`, `recipe`, `together` of all trainings.
        seeds: of first weights, orders, what is held out, and of what is drawn.
        share: of each class of the source that a seed draws; one half and an even number of seeds: its two halves.
        shots: target images of each class whose label all methods know, drawn for each seed; they are not scored.
        by: the score that chooses, see `choose.scorers`.
        keep: of each candidate the `best` weights by that score, or the `last`.
        layers: what of the network learns, see `learning.freezing`.
        backbone_lr_factor: the network's rate is this times the classifier's.
        layer_decay: each stage of the network has the next one's rate times this.
        settings: length, rate ...; its seed is not used. What is left open is as in `deep.run.adapt_images_events`.
        ceiling: whether a network that learns from target labels is trained.
        resume: False starts anew.
        watch: wraps the stream of events.

    Raises:
        InputError: no labels, one class, no class in common; unknown names; a method that was named and cannot be run.
        RunError: a network went wrong that is no method's (NaN).
    """
    _check(seeds, share, shots, by, keep, backbone_lr_factor)
    notes: list[str] = []
    asked, start = completed(settings or TrainSettings()), _loaded(representation)
    shared = typed_settings(Adapting, dict(objective or {}))
    vectorial, networks = named("adapt", shallow), named("deep", deep)
    forgiving = [kind for kind, (_, usual) in (("shallow", vectorial), ("deep", networks)) if usual]
    methods, left = networks_of(*networks, dict(chosen or {}), shared, start, layers)
    notes += left
    estimators = shallow_estimators(vectorial[0], classifier, shots > 0, notes)
    a, b = open_sides(source, target, notes)
    check_target(a.images, b.images)
    vectors = [embed(one.images, start, device=asked.device, watch=watch) for one in (a, b)]
    # what cannot be embedded is set aside for all
    notes += [f"{row['path']} was set aside: {row['cause']}" for one in vectors for row in one.card["set_aside"]]
    a, b = (part(side, np.isin(side.images.ids, one.ids)) for side, one in zip((a, b), vectors))
    sides = drawn(a, b, seeds, share, shots, notes)
    arguments = {
        "from": start.fingerprint,
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        "layer_decay": layer_decay,
        **{f"set {key}": value for key, value in shared.items()},
        **{key: value for key, value in asked.recipe().items() if key != "seed"},
        "by": by,
        "keep": keep,
        "classifier": repr(classifier),
        "share": share,
        "shots": shots,
        "images": sides.content,
    }
    run = Run.open(out, arguments, resume)
    if not resume:
        for name in (CELLS, NETWORKS):
            shutil.rmtree(run.folder / name, ignore_errors=True)
    work = Work(
        Training(start, asked, layers, backbone_lr_factor, layer_decay, by, keep, shared, run.arguments),
        sides,
        (vectors[0], vectors[1]),
        estimators,
        methods,
        frozenset({"ceiling", *forgiving}),
        share < 1 or shots > 0,
        ceiling,
        Cells(run.folder / CELLS),
        run.folder / NETWORKS,
    )
    watched(run.logged(work.events()), watch)
    return _put_together(work, Luck(None if share == 1 else share, in_halves(share, seeds)), by)


def _put_together(work: Work, luck: Luck, by: str) -> FourWays:
    cells = work.cells.known
    seeds = [one.seed for one in work.sides.draws]
    base, start = ("source_and_labels", FINETUNED_AND_LABELS) if work.few else ("source_only", FINETUNED)
    deep = [name for name in work.deep if all((name, seed) in cells for seed in seeds)]
    for seed in seeds if deep else ():
        cells[DEEP_AUTO, seed] = chosen_among(deep, start, cells, seed)
    lines = [
        Line("source_only", FROZEN, "source_only"),
        *([Line(base, FROZEN, "source_only")] if work.few else []),
        *(Line(name, FROZEN, base) for name in work.on_tuned),
        Line(FINETUNED, TUNED, "source_only"),
        *([Line(start, TUNED, FINETUNED)] if work.few else []),
        *(Line(f"finetuned_{name}", ON_TUNED, start) for name in work.on_tuned),
        *(Line(name, DEEP, start) for name in work.deep),
        Line(DEEP_AUTO, DEEP, start),
        Line(ORACLE, CEILING, start),
    ]
    notes = list(work.sides.notes)
    notes += [f"{name} left out: {why}" for name, why in work.left_out.items()]
    signs: dict[str, list[str]] = {}
    for (name, seed), cell in cells.items():
        for said in cell.notes if name != DEEP_AUTO else ():
            signs.setdefault(f"{name}: {said}", []).append(str(seed))
    notes += [f"{said} (seed {', '.join(own)})" for said, own in signs.items()]
    rows = rows_of(lines, cells, work.sides, luck, by)
    sizes = len(work.sides.ys), len(work.sides.yt)
    return FourWays(rows, SEEDS if luck.share is None else DRAWS, by, work.sides.unreachable, *sizes, tuple(notes))


def _check(seeds: Sequence[int], share: float, shots: int, by: str, keep: str, factor: float) -> None:
    check_number("--share", share, 0, 1, open_low=True)
    check_number("--shots", shots, 0, whole=True)
    check_number("--backbone-lr-factor", factor, 0, 1, open_low=True)
    check_choice("--by", by, SCORERS)
    check_choice("--keep", keep, ["last", "best"])
    if not len(seeds) or len(set(seeds)) < len(seeds):
        raise bad("--seeds", list(seeds), "at least one seed, none twice")
    if processes.world_size() > 1:
        raise bad("--deep", f"{processes.world_size()} processes", "one process", "Start it without torchrun.")


def _loaded(representation: Representation | str | Path) -> Representation:
    return representation if isinstance(representation, Representation) else Representation.load(representation)
