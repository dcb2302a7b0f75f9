"""`regard predict`: what a run says of images."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, emit, table

SHOWN = 50  # rows on the terminal


def predict(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a finetune run, or of create --task labels.")
    ],
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="A folder, a table, an image, or builtin:NAME.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the labels to this .csv, .parquet or .json.", show_default=False),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Write a page with pictures to this .html.", show_default=False)
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many labels to name for an image.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Images a call of the network.")] = 8,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Compute every vector again.")] = False,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Label images with a run's classifier, with probabilities.

    Images are prepared as the run prepares them. Where they carry labels, the accuracy is told with its interval, and
    classes that the run does not know are named. Images that cannot be read are set aside and named. Memory does not
    grow with the number of images where --out takes the labels.
    """
    from ..reuse.predict import check_top, open_predictor
    from ..reuse.predictions_file import check_suffix, row_dicts, writing

    if out is not None:
        check_suffix("--out", out)
    if page is not None:
        from ..report.html import check_page

        check_page("--page", page)
    watch = watcher("predict", quiet=quiet)
    made = open_predictor(run, images, precision=precision, device=device, batch=batch, cache=not no_cache, watch=watch)
    check_top(top, len(made.classes))
    rows: list[dict[str, Any]] = []
    most = 0 if out is not None else None if json else SHOWN
    shown = None
    if page is not None:
        from ._predict_page import Shown

        shown = Shown(made.images, made.classes)
    with writing(out, made.images, made.classes, top) if out is not None else nullcontext() as writer:
        for answers in made:
            if writer is not None:
                writer.write(answers)
            if shown is not None:
                shown.add(answers)
            if most is None or len(rows) < most:
                rows += row_dicts(answers, made.images, made.classes, top)
    if page is not None and shown is not None:
        from ._predict_page import write_page

        write_page(page, run, made, shown)
    result = {
        "run": run,
        "classes": list(made.classes),
        "counts": made.counts,
        "set_aside": made.set_aside,
        "notes": made.notes,
        "runner": made.card()["runner"],
        **({"out": out} if out is not None else {"predictions": rows}),
        **({"page": page} if page is not None else {}),
    }
    emit({**result, "metrics": made.metrics}, json, lambda: _human(made, rows[:SHOWN], out, page))


def _human(made: Any, rows: list[dict[str, Any]], out: Path | None, page: Path | None) -> None:
    count = made.metrics["images"]
    if rows:
        names = [name for name in rows[0] if name != "path"]
        table(names, [[row[name] for name in names] for row in rows])
        if count > len(rows):
            say(f"... and {count - len(rows)} more; --out FILE.csv takes all")
        say("")
    named = [[name, number, number / count] for name, number in made.counts.items() if number]
    table(["label", "images", "share"], sorted(named, key=lambda row: -row[1])[:SHOWN])
    seconds = made.metrics["seconds"]
    say(f"{count} images in {seconds:.1f} s" + (f", labels to {out}" if out else "") + (f", {page}" if page else ""))
    if made.interval is not None:
        say(f"accuracy {made.interval}")
    for note in made.notes:
        say(f"note: {note}")
    for fault in made.set_aside[:20]:
        say(f"set aside: {fault['path']}: {fault['cause']}")
    if len(made.set_aside) > 20:
        say(f"... and {len(made.set_aside) - 20} more; --json names all")
