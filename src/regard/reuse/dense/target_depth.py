"""How far away each pixel of a square is."""

from collections.abc import Sequence

import torch

from ...data.annotations.record import Annotations
from .frame import Framed
from .target_part import Part, Without


def depth_part(carried: Annotations, framed: Framed, classes: Sequence[str], name: str) -> Part:
    """`depth` (S, S) float32 metres, NaN where it is not known and beyond the picture; see `Kind.part`.

    Each pixel has the depth of the one in which its middle lies: depths between two surfaces mean nothing.
    """
    if carried.depth is None:
        raise Without("nothing is said of its depth")
    if not carried.depth.known.any():
        raise Without("the depth of none of its pixels is known")
    return Part({"depth": framed.map_in(torch.from_numpy(carried.depth.metres), float("nan"))}, [])
