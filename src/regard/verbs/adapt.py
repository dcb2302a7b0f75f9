"""`regard.adapt`: from a labelled source to a target without labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..adapt.choose.auto import Auto
from ..adapt.choose.select import SCORERS
from ..adapt.classifier import CLASSIFIERS
from ..adapt.contract import UNKNOWN, ShallowAdapter
from ..adapt.saved import keep
from ..adapt.worth.comparison import Comparison
from ..adapt.worth.run import adapter, check_source, check_target, compare
from ..core.checks import bad, check_choice, check_output
from ..core.discover import names
from ..core.leftovers import empty
from ..representation.embeddings import Embeddings
from ..representation.representation import Representation
from ._adapt_network import AdaptedNetwork, adapt_network
from ._adapted import Adapted
from ._domains import differences, embedded
from ._given import Rep, check_machine, given_source, named, set_aside, several
from ._labels_file import write_labels
from ._result import Progress, verb, watch_of


@verb
def adapt(
    source: object,
    target: object,
    *,
    method: str | Sequence[str],
    with_: Rep = "imagenet",
    classifier: str = "linear",
    set_: Mapping[str, Any] | None = None,
    labelled: object = None,
    deep: bool = False,
    tune: bool = False,
    by: str = "circular",
    out: str | Path | None = None,
    layers: str | None = None,
    backbone_lr_factor: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    clip: float | None = None,
    keep: str | None = None,
    no_resume: bool = False,
    precision: str | None = None,
    report: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Adapted | AdaptedNetwork:
    """Adapt a classifier, or a whole network, to a target domain without its labels.

    Where the target has labels they serve for the score alone: the table sets each method against the source alone,
    with an interval over target samples, and against an oracle that learned from the target's labels. What another
    source would give one fit cannot tell: for a verdict take compare_adapt. An `out` without .csv is a folder for the
    adapted classifier, which predict and export take, where it decides by a linear map of the vectors. The method auto
    chooses a method, `tune` the settings, both without target labels. Settings go to every method that is named.

    Methods such as mcc and dann train the network itself, from images, as finetune does: `out` is then the folder
    of a run that goes on where it was stopped, and the result an `AdaptedNetwork`. Which of its weights are kept is
    chosen by `by`. Of several such methods, or of auto with `deep`, one is kept, or the source alone, by what they
    say of the target. The last arguments from `layers` to `report` are for these methods alone.

    Args:
        source: labelled images as `open_images` takes them, an embeddings file, `Embeddings`, or (X, y) with X (n, d).
            It does not take a source without labels.
        target: images, an embeddings file, `Embeddings`, an array (n, d) or (X, y).
        method: a method, or auto; or several in a list.
        with_: the representation (`--with`) of what is images: a name, a folder, or a `Representation`.
        classifier: on top: 1nn, linear or svm.
        set_: settings of the method by name (`--set name=value`).
        labelled: target samples with labels, given as `source` is, which the methods may use.
        deep: the methods that auto tries train the network.
        tune: choose settings too, without target labels.
        by: what chooses: circular, iwv, dev, entropy or snd.
        out: the target's predictions as .csv, or a folder for the classifier. A target that was named by a path and
            has no labels needs it; else the result holds the predictions.
        layers: what of the network learns: all, head, last:N or lora:R; None: all.
        backbone_lr_factor: the network's rate is this times the classifier's; None: 0.1.
        epochs: passes over `source`.
        steps: steps, instead of epochs.
        minutes: minutes, instead of epochs, for each network that is trained.
        batch: images of each domain a step; None: from the data.
        lr: highest learning rate, of the classifier; None: 0.002.
        weight_decay: decoupled; None: 0.01.
        clip: longest norm of the gradient.
        keep: which weights of a network: the `best` by `by`, or the `last`; None: best.
        no_resume: start anew where a run was stopped.
        precision: auto | fp32 | bf16; None: auto.
        report: write a page of the run to this .html: the domains told apart along it, the shift and a map before and
            after, how the candidates were judged.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the streams of events.

    Raises:
        InputError: no labels or one class in the source, no class in common, unknown names or settings, vectors of
            different representations, a folder for a method that does not decide by a linear map.
    """
    chosen, place = several(method), None if out is None else Path(out)
    training = {
        "epochs": epochs,
        "steps": steps,
        "minutes": minutes,
        "batch": batch,
        "lr": lr,
        "weight_decay": weight_decay,
        "clip": clip,
        "precision": precision,
    }
    if deep or any(name in names("deep") for name in chosen):
        for name in chosen:
            check_choice("--method", name, ("auto", *names("adapt"), *names("deep")), see="regard methods adapt")
        check_choice("--by", by, list(SCORERS))
        return adapt_network(
            source,
            target,
            chosen,
            with_,
            out,
            set_=set_,
            labelled=labelled,
            by=by,
            tune=tune,
            classifier=classifier,
            layers=layers,
            backbone_lr_factor=backbone_lr_factor,
            keep=keep,
            no_resume=no_resume,
            settings=training | {"device": device, "seed": seed},
            report=report,
            progress=progress,
        )
    rest = {"layers": layers, "backbone_lr_factor": backbone_lr_factor, "keep": keep, "no_resume": no_resume or None}
    if report is not None:
        raise bad("--report", str(report), "a method that trains the network", "For others take compare-adapt.")
    for argument, value in (training | rest).items():
        if value is not None:
            those = ", ".join(names("deep"))
            raise bad(f"--{argument.replace('_', '-')}", value, f"it with a method that trains the network ({those})")
    # all that can be wrong is told before anything is embedded
    if place is not None:
        _check_out(place, chosen, with_)
    for name in chosen:
        check_choice("--method", name, ("auto", *names("adapt"), *names("deep")), see="regard methods adapt")
    check_choice("--classifier", classifier, CLASSIFIERS)
    check_choice("--by", by, list(SCORERS))
    check_machine(device)
    models = {name: _model(name, classifier, dict(set_ or {}), tune, by, seed) for name in chosen}
    given = {"SOURCE": source, "TARGET": target, **({} if labelled is None else {"--labelled": labelled})}
    sides = {argument: given_source(argument, one) for argument, one in given.items()}
    check_source(sides["SOURCE"])
    if labelled is not None:
        sides["--labelled"].need_labels("--labelled", 1)
    if sides["TARGET"].labels is not None:
        check_target(sides["SOURCE"], sides["TARGET"])
    elif place is None and isinstance(target, str | Path):
        raise bad("--out", "nothing", "a .csv file for the predictions", "TARGET has no labels to score with.")
    elif len(chosen) > 1:
        raise bad("--method", ", ".join(chosen), "one method", "TARGET has no labels to compare several with.")
    a, b, *more = embedded(sides, with_, device, progress)
    found: Comparison | None = None
    fitted: ShallowAdapter | None = None
    metrics: dict[str, float | None] = {"source": len(a), "target": len(b)}
    if b.labels is not None:
        known, watch = more[0] if more else None, watch_of(progress, "adapt")
        found = compare(a, b, models, classifier=classifier, seeds=[seed], labelled=known, watch=watch)
        metrics = found.metrics() | _first(found, chosen[0]) | metrics
    if found is None or (place is not None and not place.suffix):
        fitted = _fitted(a, b, more, models[chosen[0]])
    if found is not None:
        labels = found.row(chosen[0]).predictions
    else:
        assert fitted is not None  # just now
        labels = fitted.predict(b.vectors)
    if place is not None and place.suffix:
        write_labels(place, b.ids, labels)
    elif place is not None and fitted is not None:
        _keep(a, b, fitted, chosen[0], place, with_)
    return Adapted(
        source=named(source),
        target=named(target),
        methods=chosen,
        out=place,
        ids=b.ids,
        predictions=labels,
        found=found,
        choice=getattr(fitted, "choice_", None) if found is None else found.choice,
        metrics=metrics,
        notes=() if found is None else found.notes,
        set_aside=set_aside(a, b, *more),
        differences=() if found is None else differences(found),
    )


def _check_out(out: Path, method: Sequence[str], with_: Rep) -> None:
    if out.suffix:
        check_output("--out", out, ".csv")
        return
    if len(method) > 1:
        raise bad("--method", ", ".join(method), "one method", "A folder holds one classifier.")
    if isinstance(with_, Representation) and not with_.loaded_from:
        raise bad("--with", "a representation that was never saved", "a name or a folder", "Save it: rep.save(FOLDER).")
    check_output("--out", out, folder=True)
    if not empty(out):
        raise bad("--out", f"{str(out)!r}, which is there already", "a new or empty folder")


def _model(name: str, classifier: str, chosen: dict[str, Any], tune: bool, by: str, seed: int) -> Any:
    """The estimator of a name; with `tune` one that chooses the method's settings, too."""
    if name == "auto":
        return adapter(name, **{"classifier": classifier, "by": by, "tune": tune, "random_state": seed, **chosen})
    known = adapter(name, **chosen).get_params(deep=False)
    if tune:
        return Auto([name], by=by, tune=True, baseline=False, classifier=classifier, random_state=seed)
    return adapter(name, **({"classifier": classifier} if "classifier" in known else {}), **chosen)


def _first(found: Comparison, name: str) -> dict[str, float | None]:
    """The figures of the first method, under names that do not depend on it."""
    row = found.row(name)
    gain = {"mean": 0.0, "low": 0.0, "high": 0.0} if row.gain is None else row.gain.as_dict()
    ends = {"gain": gain["mean"], "gain_low": gain["low"], "gain_high": gain["high"]}
    return {"adapted": row.accuracy.mean, **ends}


def _fitted(a: Embeddings, b: Embeddings, more: Sequence[Embeddings], model: ShallowAdapter) -> ShallowAdapter:
    """The model, fitted without the target's own labels."""
    labels = np.array([label for one in more for label in one.need_labels("--labelled")], dtype=object)
    known = np.concatenate([labels, np.full(len(b), UNKNOWN, dtype=object)])
    Xt = np.concatenate([*(one.vectors for one in more), b.vectors])
    return model.fit(a.vectors, a.need_labels("SOURCE"), Xt, known)


def _keep(a: Embeddings, b: Embeddings, model: ShallowAdapter, method: str, out: Path, with_: Rep) -> None:
    choice = getattr(model, "choice_", None)
    name = method if choice is None else choice.name
    made = with_.loaded_from if isinstance(with_, Representation) else with_
    keep(model, b, made, out, {"method": name, "source": len(a), "target": len(b)})
