"""`regard adapt`: from a labelled source to a target without labels."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import AnySource, Device, Json, Labelled, Quiet, Seed, Set, With, bar, give, settings


def adapt(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=Labelled)],
    target: Annotated[str, typer.Argument(metavar="TARGET", help=AnySource)],
    method: Annotated[list[str], typer.Option("--method", help="A method, or auto; may be given many times.")],
    with_: With = "imagenet",
    classifier: Annotated[str, typer.Option(help="On top: 1nn, linear or svm.")] = "linear",
    set_: Set = None,
    labelled: Annotated[
        str | None,
        typer.Option("--labelled", help="Target images with labels, which the methods may use.", show_default=False),
    ] = None,
    tune: Annotated[bool, typer.Option("--tune", help="Choose settings too, without target labels.")] = False,
    by: Annotated[str, typer.Option("--by", help="What chooses: circular, iwv, dev, entropy or snd.")] = "circular",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The target's predictions as .csv, or a folder for the classifier.", show_default=False
        ),
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Adapt a classifier to a target domain without its labels.

    Where the target has labels they serve for the score alone: the table sets each method against the source alone,
    with an interval over target samples, and against an oracle that learned from the target's labels. What another
    source would give one fit cannot tell: for a verdict take compare-adapt. Where it has none, --out takes the
    predictions. An --out without .csv is a folder for the adapted classifier, which predict and export take, where it
    decides by a linear map of the vectors. --method auto chooses a method, --tune the settings, both without target
    labels. --set goes to every method that is named.
    """
    from ..verbs import adapt as verb

    found = verb.adapt(
        source,
        target,
        method=method,
        with_=with_,
        classifier=classifier,
        set_=settings(set_),
        labelled=labelled,
        tune=tune,
        by=by,
        out=out,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
