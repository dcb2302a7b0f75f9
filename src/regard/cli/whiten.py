"""`regard whiten`: a representation for search in one's own collection."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, Seed, Set, With, check_machine, difference, emit, settings, table


def whiten(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="Images as they will be searched.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the whitened representation.")],
    with_: With = "imagenet",
    things: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Which thing an image shows: identity, label, or another column.", show_default=False
        ),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            help="gem, mac, spoc, rmac, vlad or fisher, of the last map.", show_default="the representation's own"
        ),
    ] = None,
    scales: Annotated[str, typer.Option(help="Sizes of the image to pool together, as in 1,0.71,1.41.")] = "1",
    dim: Annotated[
        int | None, typer.Option(min=1, help="Numbers a vector keeps; fewer cost recall.", show_default="all")
    ] = None,
    check: Annotated[int, typer.Option(min=0, help="Queries that its worth is measured with; 0: none.")] = 200,
    set_: Set = None,
    precision: Precision = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a whitening to a collection, and save it inside a representation.

    What all images of a collection share rules the similarity of their vectors; whitening takes it off. The folder is
    a representation like any other: index IMAGES --with it, and queries are treated alike. The worth is measured on
    the collection: parts of its images are asked for, or, with --things, other images of things that the whitening
    did not learn from.
    """
    from ..core.checks import bad, check_output
    from ..core.runtime import measured
    from ..core.storage import appearing
    from ..reuse.whiten import whiten as run

    check_output("--out", out, folder=True)
    check_machine(device)
    # made when there is something to put into it
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise bad("--out", f"{str(out)!r}, which is there already", "a new or empty folder")
    with measured() as cost:
        found = run(
            images,
            with_,
            things=things,
            pooling=pooling,
            settings=settings(set_),
            scales=_factors(scales),
            dim=dim,
            check=check,
            seed=seed,
            watch=watcher("embed", quiet=quiet),
            precision=precision,
            device=device,
        )
        worth: dict[str, Any] = {
            "asked": found.asked,
            "verdict": None if found.difference is None else found.difference.verdict,
        }
        for name in ("before", "after", "difference"):
            value = getattr(found, name)
            worth[name] = None if value is None else list(value.as_dict().values())[:3]
        rep = found.representation
        rep.card |= {"worth": worth, "cost": cost.as_dict()}
        with appearing(out) as beside:  # whole or not at all, so that the same command can be run again
            rep.save(beside)
    ends = None if found.difference is None else found.difference.as_dict()
    metrics = {
        "images": found.learned_from,
        "dim": found.dim,
        "recall_before": None if found.before is None else found.before.mean,
        "recall_after": None if found.after is None else found.after.mean,
        "difference": None if found.difference is None else found.difference.mean,
        "difference_low": None if found.difference is None else found.difference.as_dict()["low"],
        "difference_high": None if found.difference is None else found.difference.as_dict()["high"],
        **{f"recall_gain{end}": None if ends is None else ends[key] for end, key in _ENDS},
        "set_aside": len(found.set_aside),
        "seconds": cost.seconds,
    }

    def human() -> None:
        say(f"{out}: {rep.name}, {found.dim} numbers an image, learned from {found.learned_from} images")
        if found.difference is None or found.before is None or found.after is None:
            say("its worth was not measured" + (": there are too few images" if check else ""))
        else:
            what = {"crops": "a part finds its image", "things": "another image of the thing is found"}[found.asked]
            rows = [["before", str(found.before)], ["after", str(found.after)], ["difference", str(found.difference)]]
            table([f"{what} first", "share"], rows)
            say(f"verdict: {found.difference.verdict}")
        for fault in found.set_aside[:20]:
            say(f"set aside: {fault['path']}: {fault['cause']}")

    told = [] if found.difference is None else [difference("recall", found.difference)]
    aside = list(found.set_aside)
    emit({"out": out, "worth": worth, "differences": told, "set_aside": aside, "metrics": metrics}, json, human)


_ENDS = (("", "mean"), ("_low", "low"), ("_high", "high"))


def _factors(text: str) -> tuple[float, ...]:
    from ..core.checks import bad

    try:
        factors = tuple(float(part) for part in text.split(","))
    except ValueError:
        factors = ()
    if not factors or not all(0 < one < 100 for one in factors):
        raise bad("--scales", repr(text), "factors above 0, parted by commas, such as 1,0.71,1.41")
    return factors
