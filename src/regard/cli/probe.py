"""`regard probe`: what frozen vectors know of the labels."""

from typing import Annotated, Any

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, Seed, With, check_machine, emit, table


def probe(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Labelled images, or an embeddings file.")],
    test: Annotated[
        str | None,
        typer.Argument(metavar="[TEST]", help="The same for scoring; without it a part of TRAIN.", show_default=False),
    ] = None,
    with_: With = "imagenet",
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
    from ..core.checks import bad, check_choice, check_number
    from ..data.sampling import hold_out, one_part, parts
    from ..data.sources import open_images
    from ..representation.embeddings import Embeddings
    from ..representation.representation import Representation
    from ..representation.sources import check_alike, is_vectors, load_vectors, settle_sides
    from ..reuse.probe import check_sides, probe_layers
    from ..reuse.probe import probe as run

    # all that can be wrong is told before anything is embedded
    counts, chosen = _numbers(shots), [part.strip() for part in classifier.split(",") if part.strip()]
    check_number("--share", share, 0, 1, open_low=True)
    check_machine(device)
    named = {"TRAIN": train} if test is None else {"TRAIN": train, "TEST": test}
    sides: dict[str, Any] = {}
    for side, name in named.items():
        sides[side] = Embeddings.load(name) if is_vectors(name) else open_images(name, argument=side)
    if layers and any(isinstance(one, Embeddings) for one in sides.values()):
        raise bad("--layers", "an embeddings file", "images", "A file of vectors holds one layer.")
    if by is not None:
        check_choice("--by", by, sides["TRAIN"].columns)
    if test is None:
        if is_vectors(train) and not parts(sides["TRAIN"]):
            raise bad("TEST", "nothing", "a second embeddings file", "A file of vectors is not split here.")
        sides["TRAIN"], sides["TEST"], notes = hold_out(sides["TRAIN"], share, seed, by)
    else:
        (sides["TRAIN"], notes), (sides["TEST"], more) = (
            one_part(one, side.lower(), side) for side, one in sides.items()
        )
        notes += more
    check_sides(sides["TRAIN"], sides["TEST"], chosen, counts, seeds)
    check_alike(sides, with_)
    rep = with_ if all(isinstance(one, Embeddings) for one in sides.values()) else Representation.load(with_)

    def vectors(side: str, **more: Any) -> Any:
        watch = watcher(side.lower(), quiet=quiet)
        one = settle_sides(precision, list(sides.values()), rep, device=device, **more)
        return load_vectors(sides[side], rep, argument=side, watch=watch, precision=one, device=device, **more)

    result: dict[str, Any] = {"train": train, "test": test, "with": with_}
    if layers:
        assert not isinstance(rep, str)  # checked above
        names = [info.module for info in rep.encoder.feature_info]
        by_layer = {
            side: {name: vectors(side, layer=place) for place, name in enumerate(names)} for side in ("TRAIN", "TEST")
        }
        found = probe_layers(by_layer["TRAIN"], by_layer["TEST"], seed=seed)
        rows = [(name, one.metrics["linear"], one.metrics["knn"]) for name, one in found.by_layer.items()]
        title = f"best layer by cross-validation: {found.best}; last: {found.last}"
        result["set_aside"] = [
            fault for layers in by_layer.values() for one in list(layers.values())[:1] for fault in _aside(one)
        ]
        emit(
            {**result, **found.as_dict(), "notes": notes}, json, lambda: table(["layer", "linear", "knn"], rows, title)
        )
        return
    learned, asked = vectors("TRAIN"), vectors("TEST")
    result["set_aside"] = [*_aside(learned), *_aside(asked)]
    one = run(learned, asked, classifier=chosen, shots=counts, seeds=seeds, seed=seed)
    notes += one.notes

    def human() -> None:
        rows = [(name, f"{value.mean:.3f}", value.told()) for name, value in one.intervals.items()]
        sizes = f"{one.metrics['train']:.0f} to learn from, {one.metrics['test']:.0f} to score on"
        table(["accuracy", "value", "95 % interval"], rows, f"{one.metrics['classes']:.0f} classes, {sizes}")
        say(f"always the commonest class: {one.metrics['majority']:.3f}")
        for note in notes:
            say(f"note: {note}")

    emit({**result, **one.as_dict(), "notes": notes}, json, human)


def _aside(embedded: Any) -> list[dict[str, str]]:
    return list(embedded.card.get("set_aside", ()))


def _numbers(text: str) -> list[int]:
    from ..core.checks import bad

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdigit() for part in parts):
        raise bad("--shots", repr(text), "whole numbers with commas between them", "For example: --shots 1,5,10.")
    return [int(part) for part in parts]
