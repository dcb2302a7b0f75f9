"""Writing to a table that others write to as well: done again where a commit of theirs came in between."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ....core.checks import RunError
from ....core.runtime import numpy_rng

TRIES = 8
T = TypeVar("T")


def repeated(table: Any, place: str, action: Callable[[], T]) -> T:
    """Do it, and again from the newest version where another machine's commit came in between.

    Raises:
        RunError: it cannot be written, or others kept writing.
    """
    for attempt in range(TRIES):
        table.checkout_latest()
        try:
            return action()
        except Exception as error:  # the binding raises RuntimeError, ValueError or OSError by version
            if "conflict" not in str(error).lower():
                raise RunError(f"index {place!r}: cannot be written: {error}") from error
            cause = error
        time.sleep(0.02 * 2**attempt * (1 + numpy_rng(time.monotonic_ns(), "back off").random()))
    raise RunError(f"index {place!r}: others kept writing to it; gave up after {TRIES} tries. Try again.") from cause


def size_of(place: str) -> int:
    """Bytes of all files under a folder; 0 for an object store's address."""
    folder = Path(place)
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder.is_dir() else 0
