"""What `regard detect`, `instances`, `segment` and `depth` share: each is a group of train, predict and evaluate."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._shared import (
    Clip,
    Device,
    Epochs,
    Json,
    Minutes,
    NoResume,
    Precision,
    Quiet,
    Seed,
    Steps,
    TrainBatch,
    With,
    bar,
    give,
)

# what the help says of each; the functions know what there is, and say so where a name is wrong
_HEADS = {
    "detect": "faster_rcnn, fcos, fast_rcnn (boxes are given), or rcnn (and nothing of the network learns)",
    "instances": "mask_rcnn",
    "segment": "linear, fcn, deeplab, or smp:NAME (extra segment)",
    "depth": "bins, log or convex",
    "boxes3d": "centers",
}
_DATA = "Annotated pictures: a folder of VOC, COCO, YOLO, KITTI, mask or depth files, or builtin:scenes."
_RUN = Annotated[str, typer.Argument(metavar="RUN", help="The folder that train wrote.")]
_Tiles = Annotated[
    int | None,
    typer.Option("--tiles", min=32, help="Side of overlapping windows, in pixels.", show_default="whole pictures"),
]
_Overlap = Annotated[float, typer.Option(help="Share of a window that the next one repeats.")]
_AtOnce = Annotated[int, typer.Option("--batch", min=1, help="Pictures a call of the network.")]
_Fast = Annotated[str, typer.Option("--precision", help="auto, fp32 (exact) or bf16.")]


def group(task: str) -> typer.Typer:
    """The three commands of a task."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, subcommand_metavar="train|predict|evaluate")
    for name, made in (("train", _train), ("predict", _predict), ("evaluate", _evaluate)):
        does = made(task)
        app.command(name, short_help=(does.__doc__ or "").partition("\n")[0])(does)
    return app


def _verbs(task: str) -> Any:
    """The functions, loaded when a command runs."""
    import regard

    return getattr(regard, task)


def _train(task: str) -> Any:
    head_help = f"What stands on the network: {_HEADS[task]}."

    def train(
        train: Annotated[str, typer.Argument(metavar="TRAIN", help=_DATA)],
        out: Annotated[Path, typer.Option("--out", help="The folder of the run.")],
        val: Annotated[
            str | None,
            typer.Option(metavar="DATA", help="For scoring; without it a fifth of TRAIN.", show_default=False),
        ] = None,
        with_: With = "imagenet",
        head: Annotated[str | None, typer.Option(help=head_help, show_default="the first")] = None,
        size: Annotated[
            int | None,
            typer.Option(min=32, max=4096, help="Pictures are brought to squares of this side.", show_default="256"),
        ] = None,
        classes: Annotated[
            str | None, typer.Option(help="What to tell, with commas.", show_default="all that is annotated")
        ] = None,
        layers: Annotated[
            str, typer.Option(help="What learns: all, head, last:N stages of the network, or lora:R beside it.")
        ] = "all",
        backbone_lr_factor: Annotated[float, typer.Option(help="The network's rate is this times the head's.")] = 0.1,
        layer_decay: Annotated[float, typer.Option(help="Each stage has the next one's rate times this.")] = 1.0,
        init_from: Annotated[
            str | None,
            typer.Option(metavar="REP", help="Put its weights in where name and shape agree.", show_default=False),
        ] = None,
        init_layers: Annotated[
            str, typer.Option(help="Of these layers alone, such as ..blocks.3.", show_default="of all")
        ] = "",
        from_: Annotated[
            str | None,
            typer.Option("--from", metavar="RUN", help="Go on from a finished run of this task.", show_default=False),
        ] = None,
        proposals: Annotated[
            Path | None,
            typer.Option(help="A table of boxes for the head fast_rcnn.", show_default="selective search"),
        ] = None,
        no_augment: Annotated[bool, typer.Option("--no-augment", help="Learn from the pictures as they are.")] = False,
        epochs: Epochs = None,
        steps: Steps = None,
        minutes: Minutes = None,
        batch: TrainBatch = None,
        lr: Annotated[
            float | None, typer.Option(help="Highest learning rate, of the head.", show_default="the best of three")
        ] = None,
        weight_decay: Annotated[float, typer.Option(min=0, help="Decoupled weight decay.")] = 1e-2,
        clip: Clip = None,
        keep: Annotated[
            str, typer.Option(help="Which weights are kept: last, or best on the pictures for scoring.")
        ] = "last",
        no_resume: NoResume = False,
        precision: Precision = "auto",
        device: Device = "auto",
        seed: Seed = 0,
        json: Json = False,
        quiet: Quiet = False,
    ) -> None:
        """Train a head together with a representation, on annotated pictures.

        The pictures for scoring are never learnt from, and nothing is chosen by them unless --keep best is given. A
        run that was stopped goes on when the same command is given again.
        """
        from ..core.processes import first as first_process

        found = _verbs(task).train(
            train,
            val=val,
            out=out,
            with_=with_,
            head=head,
            size=size,
            classes=classes,
            layers=layers,
            backbone_lr_factor=backbone_lr_factor,
            layer_decay=layer_decay,
            init_from=init_from,
            init_layers=init_layers,
            from_=from_,
            proposals=proposals,
            no_augment=no_augment,
            epochs=epochs,
            steps=steps,
            minutes=minutes,
            batch=batch,
            lr=lr,
            weight_decay=weight_decay,
            clip=clip,
            keep=keep,
            no_resume=no_resume,
            precision=precision,
            device=device,
            seed=seed,
            progress=bar(quiet),
        )
        if first_process():
            give(found, json)

    return train


def _predict(task: str) -> Any:
    def predict(
        run: _RUN,
        images: Annotated[str, typer.Argument(metavar="IMAGES", help="A folder, a table, an image, or builtin:NAME.")],
        out: Annotated[
            Path | None,
            typer.Option("--out", help="Write what is found here: a file, or a new folder.", show_default=False),
        ] = None,
        format_: Annotated[
            str, typer.Option("--format", help="json, coco, voc, yolo, png, npy, kitti or overlay.")
        ] = "json",
        page: Annotated[
            Path | None, typer.Option("--page", help="Write a page with pictures to this .html.", show_default=False)
        ] = None,
        threshold: Annotated[float, typer.Option(min=0, max=1, help="The least score of an object.")] = 0.5,
        pictures: Annotated[bool, typer.Option("--pictures", help="Copy the pictures into the folder too.")] = False,
        scores: Annotated[bool, typer.Option("--scores", help="End each line of YOLO's texts with the score.")] = False,
        tiles: _Tiles = None,
        overlap: _Overlap = 0.2,
        camera: Annotated[
            str | None,
            typer.Option(metavar="FX,FY,CX,CY", help="In pixels, where no camera is known.", show_default=False),
        ] = None,
        batch: _AtOnce = 8,
        precision: _Fast = "auto",
        device: Device = "auto",
        json: Json = False,
        quiet: Quiet = False,
    ) -> None:
        """Tell what is in pictures, in their own pixels.

        Pictures that cannot be read are set aside and named. Memory does not grow with their number where --out takes
        what is found.
        """
        found = _verbs(task).predict(
            run,
            images,
            out=out,
            format_=format_,
            page=page,
            threshold=threshold,
            pictures=pictures,
            scores=scores,
            tiles=tiles,
            overlap=overlap,
            camera=camera,
            batch=batch,
            precision=precision,
            device=device,
            progress=bar(quiet),
        )
        give(found, json)

    return predict


def _evaluate(task: str) -> Any:
    def evaluate(
        run: _RUN,
        data: Annotated[str, typer.Argument(metavar="DATA", help=_DATA)],
        page: Annotated[
            Path | None,
            typer.Option("--page", help="Write a page of the errors to this .html.", show_default=False),
        ] = None,
        tiles: _Tiles = None,
        overlap: _Overlap = 0.2,
        cap: Annotated[
            float | None,
            typer.Option(metavar="METRES", help="Of depth: what is farther away does not count.", show_default=False),
        ] = None,
        batch: _AtOnce = 8,
        device: Device = "auto",
        json: Json = False,
        quiet: Quiet = False,
    ) -> None:
        """Score a run on annotated pictures, with an interval over the pictures.

        Difficult objects and crowds neither hurt nor help. Objects of classes that the run does not know are left out,
        and told. Pictures that the run learned from are refused.
        """
        found = _verbs(task).evaluate(
            run,
            data,
            page=page,
            tiles=tiles,
            overlap=overlap,
            cap=cap,
            batch=batch,
            device=device,
            progress=bar(quiet),
        )
        give(found, json)

    return evaluate
