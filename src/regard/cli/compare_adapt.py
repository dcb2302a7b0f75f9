"""`regard compare-adapt`: every adaptation method on one pair of domains."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._out import say, say_lines
from ._progress import watcher
from ._shared import Device, Json, Quiet, Seed, With, check_machine, difference, emit


def compare_adapt(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Labelled images, or an embeddings file.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Labelled images, or an embeddings file.")],
    methods: Annotated[list[str], typer.Option("--methods", help="all, or names; may be given many times.")] = ["all"],  # noqa: B006
    with_: With = "imagenet",
    classifier: Annotated[str, typer.Option(help="On top: 1nn, linear, svm, or own (each method's own).")] = "linear",
    seeds: Annotated[int, typer.Option(min=1, help="So many draws of the source, and of the labels of --shots.")] = 20,
    share: Annotated[float, typer.Option(help="The share of each source class that a draw takes.")] = 0.5,
    shots: Annotated[int, typer.Option(min=0, help="Target labels of each class that the methods know.")] = 0,
    auto: Annotated[bool, typer.Option("--auto/--no-auto", help="Let auto choose, too.")] = True,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page with pictures to this .html.", show_default=False)
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare adaptation methods on one pair of domains.

    TARGET's labels serve for the score, for the oracle and, with --shots, for the few that the methods may see.
    Each draw learns from a part of SOURCE: by default its two halves, cut anew ten times. Intervals are over target
    samples and draws, and "no gain" is said where that of the difference includes 0.
    """
    from ..adapt.classifier import CLASSIFIERS
    from ..adapt.worth.run import check_target, compare
    from ..core.checks import bad, check_choice, check_number, check_output
    from ..core.discover import names
    from ..representation.sources import check_alike, check_same_representation, load_vectors, open_source

    # all that can be wrong is told before anything is embedded
    if report is not None:
        check_output("--report", report, ".html")
    check_choice("--classifier", classifier, (*CLASSIFIERS, "own"))
    check_number("--share", share, 0, 1, open_low=True)
    check_machine(device)
    named = [name for text in methods for name in text.split(",") if name]
    if "all" in named and len(named) > 1:
        raise bad("--methods", ", ".join(named), "all, or names")
    for name in named:
        check_choice("--methods", name, ("all", "auto", *names("adapt")), see="regard methods adapt")
    sides = [(open_source(name, argument=side), side) for name, side in ((source, "SOURCE"), (target, "TARGET"))]
    labels = check_target(sides[0][0], sides[1][0])
    if shots and all(labels.tolist().count(name) < 2 for name in set(labels.tolist())):
        raise bad("--shots", shots, "classes with at least 2 target samples, of which one is scored")
    check_alike({side: one for one, side in sides}, with_)
    a, b = (
        load_vectors(one, with_, argument=side, device=device, watch=watcher(side.lower(), quiet=quiet))
        for one, side in sides
    )
    check_same_representation("TARGET", b, a)
    found = compare(
        a,
        b,
        None if named == ["all"] else [*dict.fromkeys(named)],
        classifier=classifier,
        seeds=range(seed, seed + seeds),
        share=share if seeds > 1 else 1.0,
        shots=shots,
        auto=auto,
        watch=watcher("adapt", quiet=quiet),
    )
    result: dict[str, Any] = {
        "source": source,
        "target": target,
        "differences": [difference(row.name, row.gain) for row in found.rows if row.gain is not None],
        "intervals": {row.name: row.accuracy.as_dict() for row in found.rows},
        "notes": found.notes,
        "set_aside": [fault for one in (a, b) for fault in one.card.get("set_aside", ())],
        "metrics": found.metrics() | {"source": len(a), "target": len(b)},
    }
    if found.choice is not None:
        result["auto"] = found.choice.name
    if report is not None:
        from ..studies.adaptation_report import write_adaptation_report

        command = (
            f"regard compare-adapt {source} {target} --with {with_} --seeds {seeds} --share {share} --shots {shots}"
        )
        write_adaptation_report(found, a, b, report, command=command, seed=seed, classifier=classifier)
        result["report"] = report

    def human() -> None:
        say_lines(found.table())
        if report is not None:
            say(f"report: {report}")

    emit(result, json, human)
