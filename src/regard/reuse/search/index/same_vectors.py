"""A collection that is open is of one representation: where another took its place meanwhile, nothing is mixed.

A folder can be replaced while somebody searches in it (`index --overwrite`, `index upgrade`). What is in memory then is
of the old vectors, and what is read next would be of the new ones. So the card is looked at before each read and write,
under the table's lock, which a replacement needs alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....core.checks import RunError
from ....core.storage import read_json
from .record import meaning, named


class SameVectors:
    """Called, it refuses a folder whose card says other things of the vectors than when it was opened."""

    def __init__(self, path: Path) -> None:
        """Make it before the card is read, so that no replacement goes unseen."""
        self.path, self._seen = path, _state(path)
        self.card: Mapping[str, Any] = {}  # set as soon as it was read

    def __call__(self) -> None:
        """Compare; O(1), and mostly without reading.

        Raises:
            RunError: another representation, layer, length or metric.
        """
        now = _state(self.path)
        if now is None or now == self._seen:  # where there is no card, the table says so
            return
        card = read_json(self.path)
        if meaning(card) != meaning(self.card):
            raise RunError(
                f"index {str(self.path.parent)!r}: its vectors were of {named(self.card)} when it was opened, and are "
                f"of {named(card)} now. Open it again, or run the command again."
            )
        self._seen = now


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
