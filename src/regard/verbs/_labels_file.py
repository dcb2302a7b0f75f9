"""Labels by id as a CSV file, which appears when it is whole."""

from collections.abc import Iterable
from pathlib import Path

from ..core.storage import replacing


def write_labels(out: Path, ids: Iterable[object], labels: Iterable[object]) -> None:
    """Write the columns `id` and `label`."""
    import pyarrow as pa
    from pyarrow import csv

    named, said = (pa.array([str(one) for one in values]) for values in (ids, labels))
    with replacing(out) as beside:
        csv.write_csv(pa.table({"id": named, "label": said}), beside)
