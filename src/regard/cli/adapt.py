"""`regard adapt`: from a labelled source to a target without labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._progress import watcher
from ._shared import Device, Json, Quiet, Seed, Set, With, emit, settings

if TYPE_CHECKING:
    from ..representation.embeddings import Embeddings


def adapt(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Labelled images, or an embeddings file.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Images, or an embeddings file.")],
    method: Annotated[list[str], typer.Option("--method", help="A method; may be given many times.")],
    with_: With = "imagenet",
    classifier: Annotated[str, typer.Option(help="On top: 1nn, linear or svm.")] = "linear",
    set_: Set = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the target's predictions to this .csv.", show_default=False)
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Adapt a classifier to a target domain without its labels.

    Where the target has labels they serve for the score alone: the table sets each method against the source alone,
    with an interval, and against an oracle that learned from the target's labels. Where it has none, --out takes the
    predictions. --set goes to every method that is named.
    """
    from ..core.checks import bad
    from ..representation.sources import check_same_representation, load_vectors

    a, b = (
        load_vectors(name, with_, argument=argument, device=device, watch=watcher(argument.lower(), quiet=quiet))
        for name, argument in ((source, "SOURCE"), (target, "TARGET"))
    )
    check_same_representation("TARGET", b, a)
    chosen = settings(set_)
    if out is not None and out.suffix != ".csv":
        raise bad("--out", repr(out.name), "a file that ends in .csv")
    if b.labels is None:
        if out is None:
            raise bad("--out", "nothing", "a .csv file for the predictions", "TARGET has no labels to score with.")
        if len(method) > 1:
            raise bad("--method", ", ".join(method), "one method", "TARGET has no labels to compare several with.")
        _predict_only(a, b, method[0], classifier, chosen, out, json)
        return
    from ..adapt.run import compare

    found = compare(a, b, method, classifier=classifier, settings={name: chosen for name in method}, seeds=[seed])
    first = found.row(method[0])
    metrics = found.metrics() | {
        "adapted": first.accuracy.mean,
        "gain": first.gain.mean if first.gain else 0.0,
        "gain_low": first.gain.low if first.gain else 0.0,
        "gain_high": first.gain.high if first.gain else 0.0,
    }
    if out is not None:
        _write(out, b.ids, first.predictions)
    verdicts = {row.name: row.gain.verdict for row in found.rows if row.gain is not None}
    result = {"source": source, "target": target, "methods": method, "verdicts": verdicts, "notes": found.notes}
    emit({**result, "metrics": metrics}, json, lambda: print(found.table()))


def _predict_only(
    a: "Embeddings", b: "Embeddings", method: str, classifier: str, chosen: dict[str, Any], out: Path, json: bool
) -> None:
    from ..adapt.run import adapter

    fitted = adapter(method, classifier=classifier, **chosen).fit(a.vectors, a.need_labels("SOURCE"), b.vectors)
    _write(out, b.ids, fitted.predict(b.vectors))
    metrics = {"source": len(a), "target": len(b)}
    emit({"out": out, "method": method, "metrics": metrics}, json, lambda: print(f"{len(b)} predictions to {out}"))


def _write(out: Path, ids: Iterable[object], predictions: Iterable[object]) -> None:
    import pyarrow as pa
    from pyarrow import csv

    from ..core.storage import replacing

    rows = pa.table(
        {"id": pa.array([str(name) for name in ids]), "label": pa.array([str(name) for name in predictions])}
    )
    with replacing(out) as beside:
        csv.write_csv(rows, beside)
