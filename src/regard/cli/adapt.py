"""`regard adapt`: from a labelled source to a target without labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._out import say, say_lines
from ._progress import watcher
from ._shared import Device, Json, Quiet, Seed, Set, With, check_machine, difference, emit, settings

if TYPE_CHECKING:
    from ..representation.embeddings import Embeddings


def adapt(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Labelled images, or an embeddings file.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Images, or an embeddings file.")],
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
    from ..adapt.choose.select import SCORERS
    from ..adapt.classifier import CLASSIFIERS
    from ..adapt.worth.run import check_source, check_target, compare
    from ..core.checks import bad, check_choice
    from ..core.discover import names
    from ..representation.sources import check_alike, check_same_representation, load_vectors, open_source

    # all that can be wrong is told before anything is embedded
    keeping = out is not None and out.suffix == ""
    if out is not None:
        _check_out(out, keeping, method)
    for name in method:
        check_choice("--method", name, ("auto", *names("adapt")), see="regard methods adapt")
    check_choice("--classifier", classifier, CLASSIFIERS)
    check_choice("--by", by, list(SCORERS))
    check_machine(device)
    models = {name: _model(name, classifier, settings(set_), tune, by, seed) for name in method}
    given = [(source, "SOURCE"), (target, "TARGET"), *([(labelled, "--labelled")] if labelled else [])]
    sides = [(open_source(name, argument=argument), argument) for name, argument in given]
    check_source(sides[0][0])
    for one, argument in sides[2:]:
        one.need_labels(argument, 1)
    if sides[1][0].labels is not None:
        check_target(sides[0][0], sides[1][0])
    elif out is None:
        raise bad("--out", "nothing", "a .csv file for the predictions", "TARGET has no labels to score with.")
    elif len(method) > 1:
        raise bad("--method", ", ".join(method), "one method", "TARGET has no labels to compare several with.")
    check_alike({side: one for one, side in sides}, with_)
    a, b, *more = (
        load_vectors(one, with_, argument=argument, device=device, watch=watcher(argument.lower(), quiet=quiet))
        for one, argument in sides
    )
    for argument, vectors in (("TARGET", b), *(("--labelled", one) for one in more)):
        check_same_representation(argument, vectors, a)
    if b.labels is None:
        assert out is not None  # checked above
        _predict_only(a, b, more, models[method[0]], method[0], out, with_, json)
        return
    known = more[0] if more else None
    found = compare(
        a, b, models, classifier=classifier, seeds=[seed], labelled=known, watch=watcher("adapt", quiet=quiet)
    )
    first = found.row(method[0])
    metrics = found.metrics() | {
        "adapted": first.accuracy.mean,
        "gain": first.gain.mean if first.gain else 0.0,
        "gain_low": first.gain.as_dict()["low"] if first.gain else 0.0,
        "gain_high": first.gain.as_dict()["high"] if first.gain else 0.0,
    }
    if out is not None and keeping:
        _keep(a, b, _fitted(a, b, more, models[method[0]]), method[0], out, with_)
    elif out is not None:
        _write(out, b.ids, first.predictions)
    result = {
        "source": source,
        "target": target,
        "methods": method,
        "differences": [difference(row.name, row.gain) for row in found.rows if row.gain is not None],
        "notes": found.notes,
        "set_aside": [fault for one in (a, b, *more) for fault in one.card.get("set_aside", ())],
    }
    metrics |= {"source": len(a), "target": len(b)}
    emit({**result, "metrics": metrics}, json, lambda: say_lines(found.table()))


def _check_out(out: Path, keeping: bool, method: list[str]) -> None:
    from ..core.checks import bad, check_output

    if not keeping:
        check_output("--out", out, ".csv")
        return
    if len(method) > 1:
        raise bad("--method", ", ".join(method), "one method", "A folder holds one classifier.")
    check_output("--out", out, folder=True)
    if out.exists() and any(out.iterdir()):
        raise bad("--out", f"{str(out)!r}, which is there already", "a new or empty folder")


def _model(name: str, classifier: str, chosen: dict[str, Any], tune: bool, by: str, seed: int) -> Any:
    """The estimator of a name; with `tune` one that chooses the method's settings, too."""
    from ..adapt.choose.auto import Auto
    from ..adapt.worth.run import adapter

    if name == "auto":
        return adapter(name, **{"classifier": classifier, "by": by, "tune": tune, "random_state": seed, **chosen})
    known = adapter(name, **chosen).get_params(deep=False)
    if tune:
        return Auto([name], by=by, tune=True, baseline=False, classifier=classifier, random_state=seed)
    return adapter(name, **({"classifier": classifier} if "classifier" in known else {}), **chosen)


def _fitted(a: "Embeddings", b: "Embeddings", more: list["Embeddings"], model: Any) -> Any:
    """The model, fitted without the target's own labels."""
    import numpy as np

    from ..adapt.contract import UNKNOWN

    labels = np.array([label for one in more for label in one.need_labels("--labelled")], dtype=object)
    known = np.concatenate([labels, np.full(len(b), UNKNOWN, dtype=object)])
    Xt = np.concatenate([*(one.vectors for one in more), b.vectors])
    return model.fit(a.vectors, a.need_labels("SOURCE"), Xt, known)


def _keep(a: "Embeddings", b: "Embeddings", model: Any, method: str, out: Path, with_: str) -> None:
    from ..adapt.saved import keep

    choice = getattr(model, "choice_", None)
    name = method if choice is None else choice.name
    keep(model, b, with_, out, {"method": name, "source": len(a), "target": len(b)})


def _predict_only(
    a: "Embeddings",
    b: "Embeddings",
    more: list["Embeddings"],
    model: Any,
    method: str,
    out: Path,
    with_: str,
    json: bool,
) -> None:
    _fitted(a, b, more, model)
    if out.suffix:
        _write(out, b.ids, model.predict(b.vectors))
    else:
        _keep(a, b, model, method, out, with_)
    choice = getattr(model, "choice_", None)

    def human() -> None:
        if choice is not None:
            say_lines(f"took {choice.name} by {choice.by}, without target labels:\n{choice.table()}")
        say(f"{len(b)} predictions to {out}" if out.suffix else f"the classifier to {out}")

    result = {"out": out, "method": method if choice is None else choice.name}
    emit({**result, "metrics": {"source": len(a), "target": len(b)}}, json, human)


def _write(out: Path, ids: Iterable[object], predictions: Iterable[object]) -> None:
    import pyarrow as pa
    from pyarrow import csv

    from ..core.storage import replacing

    rows = pa.table(
        {"id": pa.array([str(name) for name in ids]), "label": pa.array([str(name) for name in predictions])}
    )
    with replacing(out) as beside:
        csv.write_csv(rows, beside)
