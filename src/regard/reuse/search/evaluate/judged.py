"""A ground truth as it is scored: queries with what each should find, as places in a collection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ....data.groundtruth.records import Box


@dataclass(frozen=True)
class Judged:
    """One query.

    Attributes:
        name: what it is called.
        place: in the collection; None where it is not in it.
        item: its file, where it is not in the collection.
        box: the part of it that is asked with.
        lists: places in the collection by `positives` (or `easy` and `hard`) and `junk`.
        group: queries of one group are drawn together for intervals.
    """

    name: str
    place: int | None
    item: Path | None
    box: Box | None
    lists: Mapping[str, np.ndarray]
    group: str


@dataclass(frozen=True)
class GroundTruth:
    """Queries, and by which protocol their results are scored.

    Attributes:
        protocol: one of `ground_truth.PROTOCOLS`.
        queries: in the order of the ground truth.
        leave_out: places that no ranking holds: queries of a protocol whose collection is without them.
    """

    protocol: str
    queries: list[Judged]
    leave_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
