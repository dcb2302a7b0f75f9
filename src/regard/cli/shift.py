"""`regard shift`: how far two domains lie apart."""

from typing import Annotated

import typer

from ._progress import watcher
from ._shared import Device, Json, Quiet, Seed, With, emit, table


def shift(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Images, or an embeddings file.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Images, or an embeddings file.")],
    with_: With = "imagenet",
    permutations: Annotated[int, typer.Option(min=0, help="Random relabellings behind the p-value.")] = 200,
    samples: Annotated[int, typer.Option(min=4, help="At most so many of each domain are measured.")] = 2000,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure the shift between two domains: MMD and the proxy A-distance.

    0 says that the domains cannot be told apart; an A-distance of 2 that they always can. The p-value is the share
    of random relabellings of the domains that give at least the observed MMD.
    """
    from ..adapt.shift import shift as measure
    from ..representation.sources import check_same_representation, load_vectors

    a, b = (
        load_vectors(name, with_, argument=argument, device=device, watch=watcher(argument.lower(), quiet=quiet))
        for name, argument in ((source, "SOURCE"), (target, "TARGET"))
    )
    check_same_representation("TARGET", b, a)
    found = measure(a.vectors, b.vectors, a.labels, b.labels, seed=seed, permutations=permutations, max_samples=samples)
    metrics = {
        "mmd2": found.rbf,
        "mmd2_unbiased": found.rbf_unbiased,
        "mmd2_linear": found.linear,
        "mmd2_multi": found.multi,
        "p_value": found.p_value,
        "a_distance": found.a_distance,
        "a_distance_low": found.a_distance_low,
        "a_distance_high": found.a_distance_high,
        "label_shift": found.label_shift,
    }

    def human() -> None:
        table(["measure", "value"], list(metrics.items()), f"{source} ({len(a)}) against {target} ({len(b)})")
        for note in found.notes:
            print(f"note: {note}")

    emit({**found.as_dict(), "source": source, "target": target, "metrics": metrics}, json, human)
