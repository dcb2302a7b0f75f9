"""`regard evaluate`: whether pretraining helped."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Quiet, Seed, bar, give


def evaluate(
    run: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="A run's folder, or any representation; several: one recipe, other seeds."),
    ],
    on: Annotated[
        tuple[str, str],
        typer.Option(
            "--on", metavar="TRAIN TEST", help="Labelled images to learn from, and to score on.", show_default=False
        ),
    ],
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="RUN", help="Another run to compare with; may be given many times."),
    ] = None,
    ceiling: Annotated[
        bool, typer.Option("--ceiling", help="Also train on TRAIN's labels, for as many steps as the run had.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=2, help="Random networks, and draws for each of --shots.")] = 8,
    shots: Annotated[str, typer.Option(help="Also with so few labels a class; '' for none.")] = "1,5,10",
    no_layers: Annotated[bool, typer.Option("--no-layers", help="Probe the last layer alone.")] = False,
    no_finetune: Annotated[bool, typer.Option("--no-finetune", help="Fine-tune nothing: most of the time.")] = False,
    finetune_steps: Annotated[int, typer.Option(min=1, help="Steps of each fine-tuning.")] = 200,
    out: Annotated[Path | None, typer.Option("--out", help="Write a page to this .html.", show_default=False)] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say whether pretraining helped, without fooling yourself.

    The run is compared with random networks of the same kind, plain and rescaled to the images: frozen (linear,
    k-NN, few labels, retrieval) and fine-tuned with one budget for all. Every difference has an interval over test
    images and over seeds, and "no gain" is said where it includes 0. A run that learned from TEST is refused.
    """
    from ..verbs import evaluate as verb

    found = verb.evaluate(
        run,
        on=on,
        against=against,
        ceiling=ceiling,
        seeds=seeds,
        shots=shots,
        no_layers=no_layers,
        no_finetune=no_finetune,
        finetune_steps=finetune_steps,
        out=out,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
