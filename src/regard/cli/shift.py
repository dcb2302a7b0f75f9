"""`regard shift`: how far two domains lie apart."""

from typing import Annotated

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Quiet, Seed, With, check_machine, emit, table


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
    """Measure the shift between two domains by several distances.

    0 says that the domains cannot be told apart; an A-distance of 2 that they always can. The p-value is the share
    of random relabellings of the domains that give at least the observed MMD.
    """
    from ..adapt.shift.measure import shift as measure
    from ..representation.sources import check_alike, check_same_representation, load_vectors, open_source

    check_machine(device)
    sides = [(open_source(name, argument=side), side) for name, side in ((source, "SOURCE"), (target, "TARGET"))]
    check_alike({side: one for one, side in sides}, with_)
    a, b = (
        load_vectors(one, with_, argument=side, device=device, watch=watcher(side.lower(), quiet=quiet))
        for one, side in sides
    )
    check_same_representation("TARGET", b, a)
    found = measure(a.vectors, b.vectors, a.labels, b.labels, seed=seed, permutations=permutations, max_samples=samples)
    metrics = {
        "mmd2": found.rbf,
        "mmd2_unbiased": found.rbf_unbiased,
        "mmd2_linear": found.linear,
        "mmd2_multi": found.multi,
        "mmd2_linear_time": found.linear_time,
        "mmd2_linear_time_error": found.linear_time_error,
        "p_value": found.p_value,
        "energy": found.energy,
        "energy_p": found.energy_p,
        "coral": found.coral,
        "wasserstein": found.wasserstein,
        "sliced_wasserstein": found.sliced,
        "a_distance": found.a_distance,
        "a_distance_low": found.a_distance_low,
        "a_distance_high": found.a_distance_high,
        "label_shift": found.label_shift,
    }

    def human() -> None:
        rows = [(name, value, _MEANS[name]) for name, value in metrics.items() if name in _MEANS]
        table(["measure", "value", "what it says"], rows, f"{source} ({len(a)}) against {target} ({len(b)})")
        if found.per_class:
            worst = sorted(found.per_class.items(), key=lambda item: -item[1])[:10]
            moved = [(name, value, found.per_class_energy[name]) for name, value in worst]
            table(["class", "MMD²", "energy"], moved, "classes that moved the most")
        for note in found.notes:
            say(f"note: {note}")

    aside = [fault for one in (a, b) for fault in one.card.get("set_aside", ())]
    metrics |= {"source": len(a), "target": len(b)}
    emit({**found.as_dict(), "source": source, "target": target, "set_aside": aside, "metrics": metrics}, json, human)


_MEANS = {
    "a_distance": "0: a linear classifier cannot tell the domains apart; 2: always",
    "mmd2": "any difference, Gaussian kernel; 0 for equal samples",
    "p_value": "share of random relabellings with at least that MMD²; small: there is a shift",
    "mmd2_unbiased": "the same without the bias of few samples; about 0 without a shift",
    "mmd2_linear": "squared distance of the means",
    "mmd2_multi": "five bandwidths at once",
    "mmd2_linear_time": "unbiased, on all samples",
    "energy": "any difference, without a bandwidth",
    "energy_p": "as p_value, for the energy distance",
    "coral": "difference of the covariances",
    "wasserstein": "how far mass must travel; large with few samples in many dimensions",
    "sliced_wasserstein": "the same along random directions",
    "label_shift": "how far the class shares differ, 0 to 1",
}
