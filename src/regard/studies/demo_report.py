"""The demonstration as a report: a table of gains, figures, pictures, and what every part cost."""

import platform
from pathlib import Path

import numpy as np
from markupsafe import Markup

from .. import __version__
from ..core.events import Event
from ..core.runtime import numpy_rng, threads
from ..metrics.intervals import Interval, bootstrap, over_seeds, paired_difference
from ..report.figures import Curve, bars_with_intervals, label_efficiency, learning_curves
from ..report.gains import Gain
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..report.maps import map_before_after
from ..report.thumbs import Hit, Query, neighbours, previews
from ..representation.project2d import project
from .demo import BEST, METHODS, PRETEXTS, SHOTS, Demo, labels_saved

_NAMES = {
    "random": "random network",
    "rotation": "rotation (no labels)",
    "simclr": "SimCLR (no labels)",
    "labels": "supervised (all labels)",
    "source_only": "source only",
    "coral": "CORAL",
    "subspace": "subspace alignment",
    "oracle": "oracle (target labels)",
}
_RANDOM_SEARCH = "random:tf_efficientnet_lite0"


def gains(demo: Demo) -> list[Gain]:
    """The rows of the table: every step that was taken, with what it was worth."""
    random = demo.arms["random"]
    rows = []
    known, rendered = len(demo.digits[0]), len(demo.domains.source)
    for name in PRETEXTS:
        arm = demo.arms[name]
        peak = arm.costs[-1].peak_mib
        for kind, words in (("knn", "k-NN"), ("linear", "linear probe")):
            what, gain = f"{_NAMES[name]}: {words}", arm.gain(random, kind)
            rows.append(Gain(what, random.accuracy(kind), arm.accuracy(kind), gain, known, arm.seconds, peak))
        few = paired_difference(arm.few[5], random.few[5])
        what = f"{_NAMES[name]}: 5 labels a class"
        rows.append(Gain(what, over_seeds(random.few[5]), over_seeds(arm.few[5]), few, 50, arm.seconds, peak))
    base = demo.domains.right("source_only")
    peak = demo.domains.cost.peak_mib
    for name in METHODS:
        right = demo.domains.right(name)
        gain = paired_difference(right, base)
        rows.append(
            Gain(
                f"{_NAMES[name]}: rendered → handwritten",
                bootstrap(base),
                bootstrap(right),
                gain,
                rendered,
                demo.domains.seconds(name),
                peak,
            )
        )
    search = demo.search
    found = search.recall(_RANDOM_SEARCH), search.recall("imagenet"), search.gain("imagenet", _RANDOM_SEARCH)
    spent = search.cost["imagenet"]
    rows.append(Gain("imagenet: nearest crop is of the same photo", *found, 0, spent.seconds, spent.peak_mib))
    return rows


def write_demo_report(demo: Demo, path: Path) -> Path:
    """Write the report and return its path."""
    factor, beyond = labels_saved(demo)
    saved = f"{'at least ' if beyond else ''}{factor.mean:.2g}×"
    best, random = demo.arms[BEST], demo.arms["random"]
    summary = (
        f"From **{len(demo.digits[0])} handwritten digits without labels**, {best.seconds:.0f} seconds of SimCLR took "
        f"nearest-neighbour accuracy from {_percent(random.accuracy('knn'))} to {_percent(best.accuracy('knn'))} on "
        f"{len(demo.digits[1])} digits that nothing had seen. With 5 labels a class it knows what a random network "
        f"knows with {saved} as many. Carried over from rendered digits, a classifier is right on "
        f"{_percent(bootstrap(demo.domains.right('source_only')))} of the handwritten ones; "
        f"CORAL makes that {_percent(bootstrap(demo.domains.right('coral')))}. "
        f"Every figure was measured in this run; a gain whose interval includes 0 is called “no gain”."
    )
    highlights = [
        Highlight(saved, "as many labels for a random network", "to reach SimCLR's accuracy with 5 labels a class"),
        Highlight(
            _percent(best.accuracy("knn")),
            "k-NN on handwritten digits, learnt without labels",
            f"random network {_percent(random.accuracy('knn'))}, "
            f"supervised {_percent(demo.arms['labels'].accuracy('knn'))}",
        ),
        Highlight(
            _percent(demo.search.recall("imagenet")),
            "search by image finds the same photograph first",
            f"{len(demo.search.images)} crops of {len(demo.search.images.classes)} photographs",
        ),
    ]
    facts = {
        "command": f"regard demo --seed {demo.seed} --seeds {demo.seeds} --steps {demo.steps}",
        "time": f"{demo.cost.seconds:.0f} s",
        "peak memory": f"{demo.cost.peak_mib:.0f} MiB",
        "regard": __version__,
        "machine": f"{platform.machine()}, {threads()} processors, no accelerator needed",
    }
    sections = [_created(demo), _labels(demo), _adapted(demo), _searched(demo), _costs(demo)]
    return write_report(
        path, "What it was worth", sections, summary, gains=gains(demo), highlights=highlights, facts=facts
    )


def _created(demo: Demo) -> Section:
    rows = [(_NAMES[name], arm.accuracy("knn")) for name, arm in demo.arms.items()]
    curves = [_curve(_NAMES[name], demo.logs[name], "accuracy") for name in PRETEXTS]
    chance = {"chance": _last(demo.logs[BEST], "chance")}
    return Section(
        "Create: a representation from images alone",
        "A small network looks at handwritten digits whose labels are put away, and solves a puzzle that the images "
        "themselves pose: **SimCLR** asks which two views are of one digit. It is scored on its own puzzle with digits "
        "that were held out, and then on what it was made for: telling digits apart with the network frozen. "
        f"Bars are k-NN accuracy over {demo.seeds} seeds with a 95 % interval over test digits.",
        [
            Picture(_puzzles(demo), "The very puzzle that the network gets: a digit, and two views of it."),
            Picture(bars_with_intervals(rows, "k-NN accuracy of each representation", emphasis=_NAMES[BEST])),
            Picture(
                learning_curves(
                    curves, "accuracy on the pretext task", y="held-out accuracy", percent=True, references=chance
                ),
                "Accuracy on the pretext task itself, on digits that were held out; the first seed.",
            ),
        ],
    )


def _labels(demo: Demo) -> Section:
    curves = [
        Curve(_NAMES[name], SHOTS, [over_seeds(arm.few[shot]) for shot in SHOTS]) for name, arm in demo.arms.items()
    ]
    factor, beyond = labels_saved(demo)
    more = " Some seed lies beyond the most labels that were tried, so this is a lower bound." if beyond else ""
    return Section(
        "Reuse: how many labels that saves",
        f"A linear classifier on frozen vectors, with 1 to {SHOTS[-1]} labels a class. The factor at the top reads "
        f"this picture from left to right: with 5 labels a class SimCLR is where a random network is with "
        f"{factor.mean:.1f} times as many [{factor.low:.1f}, {factor.high:.1f}].{more} The supervised network has "
        f"seen all {len(demo.digits[0])} labels in training: it is the ceiling, not a competitor.",
        [
            Picture(
                label_efficiency(curves, "accuracy against labels per class for each representation"),
                f"Mean over {demo.seeds} seeds, each with its own draw of labels; Student's 95 % interval.",
            )
        ],
    )


def _adapted(demo: Demo) -> Section:
    domains = demo.domains
    names = ("source_only", *METHODS, "oracle")
    rows = [(_NAMES[name], bootstrap(domains.right(name))) for name in names]
    shifts = [
        (_NAMES.get(name, name), *(float(f"{value:.2g}") for value in domains.shift(name)))
        for name in ("before", *METHODS)
    ]
    return Section(
        "Adapt: rendered digits have labels, handwritten ones do not",
        "Digits drawn from fonts come with labels for free. A linear classifier learns from them and is asked about "
        "handwritten digits, in SimCLR's representation. Adaptation sees the handwritten digits, never their labels. "
        "The oracle learned from the target's own labels in cross-validation. That two clouds lie on one another "
        "(a small MMD², an A-distance near 0) does not yet say that the classes do: read both.",
        [
            Picture(bars_with_intervals(rows, "accuracy on handwritten digits", emphasis=_NAMES["coral"])),
            Table(["", "MMD²", "proxy A-distance"], shifts, "How far the domains lie apart; 0 is not at all."),
            Picture(_map(demo), "SimCLR's vectors of both domains on a plane (t-SNE), before and after CORAL."),
        ],
    )


def _searched(demo: Demo) -> Section:
    search = demo.search
    items, labels = search.images.items, search.images.need_labels()
    queries = [
        Query(items[at], str(labels[at]), [Hit(items[place], score, str(labels[place])) for place, score in hits])
        for at, hits in search.hits
    ]
    rows = [
        ("random weights", search.recall(_RANDOM_SEARCH)),
        ("imagenet (comes with regard)", search.recall("imagenet")),
    ]
    return Section(
        "Reuse: search by image",
        f"{len(items)} crops, many of them overlapping, of {len(search.images.classes)} photographs. Each is looked "
        "for among the others; it counts when the most similar one is of the same photograph. The queries below were "
        "drawn, not chosen.",
        [
            Picture(neighbours(queries), "Query at the left, then the five most similar with their cosine."),
            Picture(
                bars_with_intervals(rows, "share of queries whose nearest neighbour is of the same photograph"),
                "The interval is over photographs.",
            ),
        ],
    )


def _costs(demo: Demo) -> Section:
    rows: list[tuple[object, ...]] = [
        (_NAMES[name], len(demo.digits[0]) if name == "labels" else 0, round(arm.seconds, 1))
        for name, arm in demo.arms.items()
    ]
    rows.append(("adaptation, both methods, all seeds", len(demo.domains.source), round(demo.domains.cost.seconds, 1)))
    rows.append(("embedding, indexing and searching the crops", 0, round(demo.search.cost["imagenet"].seconds, 1)))
    return Section(
        "What it cost",
        f"The whole took {demo.cost.seconds:.0f} s and at most {demo.cost.peak_mib:.0f} MiB on {threads()} processors.",
        [Table(["step", "labels", "seconds"], rows, "Labels used and seconds, mean over seeds for the networks.")],
    )


def _puzzles(demo: Demo) -> Markup:
    from ..core.discover import load
    from ..core.runtime import torch_rng
    from ..create.feed import Feed
    from ..create.objective import Known
    from ..representation.preprocess import Preprocess

    images = demo.digits[0].subset(slice(0, 6)).without_labels()
    feed = Feed(images, Preprocess(32, 32), workers=1)
    pictures = []
    for name in PRETEXTS:
        objective = load("task", name)()
        if hasattr(objective, "fitted_to"):
            objective = objective.fitted_to(Known(images, images, True))
        batch = next(feed.in_order(3)).images.float() / 255
        pictures += [
            (f"{name}: {caption}", image)
            for caption, image in objective.preview(batch, torch_rng(demo.seed, "preview", name))
        ]
    return previews(pictures)


def _map(demo: Demo) -> Markup:
    domains = demo.domains
    rng = numpy_rng(demo.seed, "map")
    source = rng.choice(len(domains.source), min(300, len(domains.source)), replace=False)
    target = rng.choice(len(domains.target), min(300, len(domains.target)), replace=False)
    planes = [
        project(np.concatenate([a[source], b[target]]), "tsne", demo.seed)
        for a, b in ((domains.source.vectors, domains.target.vectors), domains.mapped)
    ]
    domain = np.repeat(["rendered", "handwritten"], [len(source), len(target)])
    labels = np.concatenate(
        [domains.source.need_labels("source")[source], domains.target.need_labels("target")[target]]
    )
    return map_before_after(
        planes[0],
        planes[1],
        domain,
        labels,
        alt="both domains on a plane before and after CORAL",
        titles=("before", "after CORAL"),
    )


def _curve(name: str, events: list[Event], value: str) -> Curve:
    seen = [event for event in events if event.kind == "eval" and value in event.values]
    return Curve(name, [event.step for event in seen], [event.values[value] for event in seen])


def _last(events: list[Event], value: str) -> float:
    return next(event.values[value] for event in reversed(events) if value in event.values)


def _percent(value: Interval) -> str:
    return f"{100 * value.mean:.1f} %"
