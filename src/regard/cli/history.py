"""`regard history`: from bag of words to ResNet under one budget, on pictures of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Quiet, Seed, bar, give


def history(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Labelled images to learn from.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of everything; the same one goes on.")],
    test: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEST]", help="Labelled images to be asked about.", show_default="its test part, or a quarter"
        ),
    ] = None,
    networks: Annotated[
        str,
        typer.Option("--networks", help="scaled (for small images), published, all, or names: alexnet,vgg_published."),
    ] = "scaled",
    no_classic: Annotated[
        bool, typer.Option("--no-classic", help="Leave out bag of words and Fisher vectors.")
    ] = False,
    no_references: Annotated[
        bool, typer.Option("--no-references", help="Leave out random features and imagenet.")
    ] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How often everything is done.")] = 3,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Of each network.", show_default="600")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Of each network, in place of steps.", show_default=False)
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=2, help="Images a step.")] = 64,
    lr: Annotated[
        str, typer.Option("--lr", help="Highest learning rates; each network gets the best on a part of TRAIN.")
    ] = "0.002,0.0005",
    size: Annotated[
        int | None, typer.Option("--size", help="Side of the images, in pixels.", show_default="from the images")
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", help="auto, fp32 or bf16; auto is bf16 where the machine has it.")
    ] = "auto",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes beside one another.")] = 1,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the page to this .html.", show_default="report.html in --out")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run twenty years of recognition on your images, from bag of words over AlexNet to ResNet, under one budget.

    AlexNet, ZF, VGG, GoogLeNet and ResNet learn the labels of TRAIN from first weights with as many steps, the same
    batches, views and seeds, and a learning rate that is chosen from the same few on a part of TRAIN. Bag of words and
    Fisher vectors fit their vocabulary on TRAIN. All are asked about the same images of TEST. What is told:
    each accuracy with its interval, each against the one before it, how far the published order holds, and where these
    images reverse it.
    Stopped, the same command goes on, and with more seeds or networks it does only what is not there yet. Status 1 says
    that one did not end.
    """
    from ..verbs import history as verb

    found = verb.history(
        train,
        test,
        out=out,
        networks=networks,
        no_classic=no_classic,
        no_references=no_references,
        seeds=seeds,
        steps=steps,
        minutes=minutes,
        batch=batch,
        lr=lr,
        size=size,
        precision=precision,
        workers=workers,
        report=report,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
    if found.found.failed:
        raise typer.Exit(1)
