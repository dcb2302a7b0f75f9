"""The demonstration as a report: a table of gains, figures, pictures, and what every part cost."""

import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
from markupsafe import Markup

from .. import __version__
from ..core.events import Event
from ..core.runtime import numpy_rng, threads
from ..metrics.intervals import over_seeds
from ..report.figures import Curve, label_efficiency, learning_curves
from ..report.gains import Gain
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..report.maps import map_before_after
from ..report.thumbs import Hit, Query, neighbours, previews
from ..representation.project2d import project
from ..studies.demo_results import BEST, METHODS, NAMES, PRETEXTS, SHOTS, Demo, labels_saved


def gains(demo: Demo) -> list[Gain]:
    """The rows of the table: every step that was taken, with what it was worth."""
    digits, learned = demo.experiment, []
    known = len(demo.digits[0])
    for name in PRETEXTS:  # the labels that a figure rests on, which are not those of the representation
        for measure, labels in (("knn", known), ("linear", known), ("linear_5shot", 50)):
            learned.append(replace(digits.gain(name, "random", measure), labels=labels))
    domains = demo.domains.experiment
    return [
        *learned,
        *(domains.gain(name, "source_only", "target") for name in METHODS),
        demo.search.experiment.gain("imagenet", "random_search", "search"),
    ]


def write_demo_page(demo: Demo, path: Path) -> Path:
    """Write the report and return its path."""
    factor, beyond = labels_saved(demo)
    saved = f"{'at least ' if beyond else ''}{factor.mean:.2g}×"
    best, random = demo.experiment.arms[BEST], demo.experiment.arms["random"]
    labels, domains = demo.experiment.arms["labels"], demo.domains.experiment.arms
    found = demo.search.experiment.arms["imagenet"].mean("search")
    summary = (
        f"From **{len(demo.digits[0])} handwritten digits without labels**, {best.seconds:.0f} seconds of SimCLR took "
        f"nearest-neighbour accuracy from {_percent(random.mean('knn'))} to {_percent(best.mean('knn'))} on "
        f"{len(demo.digits[1])} digits that nothing had seen. With 5 labels a class it knows what a random network "
        f"knows with {saved} as many. Carried over from rendered digits, a classifier is right on "
        f"{_percent(domains['source_only'].mean('target'))} of the handwritten ones; "
        f"CORAL makes that {_percent(domains['coral'].mean('target'))}. "
        f"Every figure was measured in this run; a gain whose interval includes 0 is called “no gain”."
    )
    highlights = [
        Highlight(saved, "as many labels for a random network", "to reach SimCLR's accuracy with 5 labels a class"),
        Highlight(
            _percent(best.mean("knn")),
            "k-NN on handwritten digits, learnt without labels",
            f"random network {_percent(random.mean('knn'))}, supervised {_percent(labels.mean('knn'))}",
        ),
        Highlight(
            _percent(found),
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
    curves = [_curve(NAMES[name], demo.logs[name], "accuracy") for name in PRETEXTS]
    chance = {"chance": _last(demo.logs[BEST], "chance")}
    return Section(
        "Create: a representation from images alone",
        "A small network looks at handwritten digits whose labels are put away, and solves a puzzle that the images "
        "themselves pose: **SimCLR** asks which two views are of one digit. It is scored on its own puzzle with digits "
        "that were held out, and then on what it was made for: telling digits apart with the network frozen. "
        f"Bars are k-NN accuracy over {demo.seeds} seeds, with a 95 % interval over test digits and seeds.",
        [
            Picture(_puzzles(demo), "The very puzzle that the network gets: a digit, and two views of it."),
            Picture(demo.experiment.figure("knn", "k-NN accuracy of each representation", NAMES[BEST])),
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
        Curve(NAMES[name], SHOTS, [over_seeds(arm.few(shot), within=(0, 1)) for shot in SHOTS])
        for name, arm in demo.arms.items()
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
                f"Mean over {demo.seeds} seeds, each with its own draw of labels; Student's 95 % interval over seeds.",
            )
        ],
    )


def _adapted(demo: Demo) -> Section:
    domains = demo.domains
    shifts = [
        (NAMES.get(name, name), *(float(f"{value:.2g}") for value in domains.shift(name)))
        for name in ("before", *METHODS)
    ]
    return Section(
        "Adapt: rendered digits have labels, handwritten ones do not",
        "Digits drawn from fonts come with labels for free. A linear classifier learns from them and is asked about "
        "handwritten digits, in SimCLR's representation. Adaptation sees the handwritten digits, never their labels. "
        "The oracle learned from the target's own labels in cross-validation. That two clouds lie on one another "
        "(a small MMD², an A-distance near 0) does not yet say that the classes do: read both.",
        [
            Picture(domains.experiment.figure("target", "accuracy on handwritten digits", NAMES["coral"])),
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
    return Section(
        "Reuse: search by image",
        f"{len(items)} crops, many of them overlapping, of {len(search.images.classes)} photographs. Each is looked "
        "for among the others; it counts when the most similar one is of the same photograph. The queries below were "
        "drawn, not chosen.",
        [
            Picture(neighbours(queries), "Query at the left, then the five most similar with their cosine."),
            Picture(
                search.experiment.figure(
                    "search", "share of queries whose nearest neighbour is of the same photograph"
                ),
                f"Intervals are over photographs, and over {demo.seeds} random networks.",
            ),
        ],
    )


def _costs(demo: Demo) -> Section:
    rows: list[tuple[object, ...]] = [
        (NAMES[name], len(demo.digits[0]) if name == "labels" else 0, round(arm.seconds, 1))
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
    from ..learning.batches import Feed
    from ..learning.objective import Split
    from ..representation.preprocess import Preprocess

    images = demo.digits[0].subset(slice(0, 6)).without_labels()
    feed = Feed(images, Preprocess(32, 32), workers=1)
    pictures = []
    for name in PRETEXTS:
        objective = load("task", name)()
        if hasattr(objective, "configure"):
            objective = objective.configure(Split(images, images, True))
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


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
