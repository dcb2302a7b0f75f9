"""Images that an index need not hold, and that teach the map as well: both representations embed them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.checks import bad
from ..data.imageset import ImageSet
from ..learning.bridge import AGAIN, BRIDGE, Bridge, both
from ..representation.representation import Representation
from ..reuse.search.index.contents import facts_of
from ..reuse.search.index.record import named
from .bumps import squares


@dataclass(frozen=True)
class Others:
    """Images, what embedded the index, what embeds it now, and settings of `embed`."""

    images: ImageSet
    was: Representation
    now: Representation
    settings: Mapping[str, Any]

    def vectors(self, pairs: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
        """(m, d) old and (m, e) new vectors of the images whose content is none of `pairs`.

        A pair that was among them would be known to the map that leaves it out.
        """
        own = np.array([facts_of(item)["content"] not in pairs for item in self.images.items], bool)
        if not own.any():
            return np.zeros((0, 1)), np.zeros((0, 1))
        rest = self.images.subset(own)
        old, new, _ = both(rest, self.was, self.now, self.settings)
        return old, new


def teaching(
    others: Others | Bridge, contents: Collection[str], old_MD: np.ndarray, new_ME: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) old and (n, e) new vectors of the others that are no pairs.

    A pair among them would be known to the map that leaves it out. The same picture is known by its file, and as
    another file by its old vector: where the squared distance to a pair's is below a thousandth of the usual one.

    Args:
        others: who teaches.
        contents: hashes of the pairs' files.
        old_MD: the pairs' old vectors.
        new_ME: their new ones.

    Raises:
        InputError: vectors of other lengths than the pairs', in a bridge that belongs to something else.
    """
    was, now = others.vectors(contents)
    if not len(was):
        return was, now
    if (was.shape[1], now.shape[1]) != (old_MD.shape[1], new_ME.shape[1]):
        brought, wanted = (
            f"{a} and {b} numbers" for a, b in ((was.shape[1], now.shape[1]), (old_MD.shape[1], new_ME.shape[1]))
        )
        raise bad("--with", f"{BRIDGE} with vectors of {brought}", f"of {wanted}", AGAIN)
    known = old_MD.astype(np.float64)
    apart = squares(known, known)
    usual = float(np.median(apart[np.triu_indices(len(known), 1)]))
    strange = squares(was.astype(np.float64), known).min(axis=1) > 1e-3 * usual
    return was[strange], now[strange]


def old_of(card: Mapping[str, Any], was: Representation | None) -> Representation:
    """The representation that made an index.

    Raises:
        InputError: it is not known where it is, another one, or vectors of one of its layers.
    """
    if card.get("layer") is not None:
        raise bad("--also", f"an index of the layer {card['layer']!r}", "one of pooled vectors")
    if was is None:
        if not card.get("loaded_from"):
            raise bad("--was", "nothing", f"the old representation, {named(card)}: the index does not say where it is")
        was = Representation.load(card["loaded_from"])
    if was.fingerprint != card.get("fingerprint"):
        raise bad(
            "--was", f"a representation of fingerprint {was.fingerprint!r}", f"{named(card)}, which made the index"
        )
    return was
