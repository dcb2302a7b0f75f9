"""`regard probe`: what frozen vectors know of the labels."""

from typing import Annotated

import typer

from ._shared import Device, Json, Labelled, Layer, Precision, Quiet, Seed, With, bar, give


def probe(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help=Labelled)],
    test: Annotated[
        str | None,
        typer.Argument(metavar="[TEST]", help="The same for scoring; without it a part of TRAIN.", show_default=False),
    ] = None,
    with_: With = "imagenet",
    layer: Layer = None,
    classifier: Annotated[str, typer.Option(help="linear, knn, or both as linear,knn.")] = "linear,knn",
    shots: Annotated[str, typer.Option(help="Also with so few labels a class, such as 1,5,10.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Draws for each of --shots.")] = 3,
    layers: Annotated[bool, typer.Option("--layers", help="Probe every layer of the network.")] = False,
    share: Annotated[float, typer.Option(help="Share of TRAIN that is the test set where TEST is not given.")] = 0.25,
    by: Annotated[
        str | None, typer.Option(help="Column whose values stay on one side of that split.", show_default=False)
    ] = None,
    precision: Precision = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say how good a representation is for a classification task.

    A linear classifier (its penalty chosen by cross-validation on TRAIN alone) and k nearest neighbours learn from
    the vectors of TRAIN and are scored on TEST, each with a 95 % interval. Images that are in both are refused.
    """
    from ..verbs import probe as verb

    found = verb.probe(
        train,
        test,
        with_=with_,
        layer=layer,
        classifier=classifier,
        shots=shots,
        seeds=seeds,
        layers=layers,
        share=share,
        by=by,
        precision=precision,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
