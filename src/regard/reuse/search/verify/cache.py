"""Local features made on the fly and kept while there is room: the least recently used go first."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import check_number
from ....data.decode import content_hash
from .features import Features, extract


class FeatureCache:
    """Features by image, in at most so much memory; may be shared by threads.

    A file is known by its path, size and time of change, anything else by its content.

    Args:
        mib: memory for the features in MiB; about 7 images of 1,000 points fit in one, 3.5 with mirrors.
        settings: `side`, `limit` and `mirror` of `extract`.
    """

    def __init__(self, mib: float = 256, **settings: Any) -> None:
        check_number("mib", mib, 0)
        self.settings = settings
        self._limit, self._used = int(mib * 2**20), 0
        self._kept: OrderedDict[Any, Features] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Memory of what is kept."""
        return self._used

    def get(self, image: str | Path | bytes | np.ndarray) -> Features:
        """The features of an image as `extract` takes it; raises DecodeError or InputError as it does."""
        name = _name(image)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        found = extract(image, **self.settings)  # outside of the lock: two threads may at worst do the same work
        with self._lock:
            if name not in self._kept:
                self._kept[name] = found
                self._used += found.nbytes
            while self._used > self._limit:
                self._used -= self._kept.popitem(last=False)[1].nbytes
        return found


def _name(image: str | Path | bytes | np.ndarray) -> object:
    if not isinstance(image, str | Path):
        return content_hash(image)
    try:
        about = Path(image).stat()
    except OSError:
        return str(image)  # extract says what is wrong
    return str(image), about.st_size, about.st_mtime_ns
