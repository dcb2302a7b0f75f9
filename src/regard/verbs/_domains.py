"""What the two verbs of adaptation share: SOURCE and TARGET as vectors, and a comparison as a table."""

from collections.abc import Mapping
from typing import Any

from ..adapt.worth.comparison import Comparison
from ..data.imageset import ImageSet
from ..report.html import Table
from ..representation.embeddings import Embeddings
from ..representation.sources import check_alike, check_same_representation, load_vectors
from ._given import Rep
from ._result import Progress, difference, watch_of


def embedded(
    sides: Mapping[str, Embeddings | ImageSet], with_: Rep, device: str, progress: Progress | None
) -> list[Embeddings]:
    """All sides as vectors of one representation, the first of which the others must fit."""
    check_alike(sides, with_)
    first, *others = (
        load_vectors(one, with_, argument=side, device=device, watch=watch_of(progress, side.lower()))
        for side, one in sides.items()
    )
    for argument, vectors in zip(list(sides)[1:], others):
        check_same_representation(argument, vectors, first)
    return [first, *others]


def differences(found: Comparison) -> list[dict[str, Any]]:
    """Each row against the baseline."""
    return [difference(row.name, row.gain) for row in found.rows if row.gain is not None]


def comparison_table(found: Comparison) -> Table:
    """A row for each method, baseline and oracle."""
    rows = []
    for row in found.rows:
        ends = row.accuracy.as_dict()
        gain = {} if row.gain is None else row.gain.as_dict() | {"verdict": row.gain.verdict}
        accuracy = [row.accuracy.mean, ends["low"], ends["high"]]
        told = [gain.get(name) for name in ("mean", "low", "high", "verdict")]
        rows.append([row.name, *accuracy, *told, row.seconds])
    heads = ["method", "accuracy", "low", "high", "gain", "gain_low", "gain_high", "verdict", "seconds"]
    return Table(heads, rows, f"accuracy on the target; 95 % intervals over {found.over}")
