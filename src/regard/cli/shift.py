"""`regard shift`: how far two domains lie apart."""

from typing import Annotated

import typer

from ._shared import AnySource, Device, Json, Quiet, Seed, With, bar, give


def shift(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=AnySource)],
    target: Annotated[str, typer.Argument(metavar="TARGET", help=AnySource)],
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
    from ..verbs import shift as verb

    found = verb.shift(
        source,
        target,
        with_=with_,
        permutations=permutations,
        samples=samples,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
