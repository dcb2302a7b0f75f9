"""One vector from several sizes of an image: the generalised mean of the vectors at each size.

Radenovic, Tolias and Chum 2018, "Fine-tuning CNN image retrieval with no human annotation", arXiv 1711.02512: an
object that is seen smaller or larger then finds itself at one of the sizes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...core.checks import InputError, bad, check_number
from ._common import check_maps, unit
from .gem import gem

Pool = Callable[[Tensor], Tensor]


def multi_scale(
    maps_of: Pool,
    x_NCHW: Tensor,
    scales: Sequence[float] = (1, 2**-0.5, 2**0.5),
    pool: Pool = gem,
    power: float = 3.0,
) -> Tensor:
    """Pool images at several sizes to vectors (N, D) of length 1: (mean over sizes of v^power)^(1/power).

    Args:
        maps_of: images (N, 3, H, W) in [0, 1] to maps (N, C, h, w) of one layer.
        x_NCHW: images; each size is the nearest whole number of pixels, interpolated with antialiasing.
        scales: factors of the side.
        pool: maps to vectors (N, D), a `Method` or a function; each size's vectors are brought to length 1.
        power: 3 for GeM, whose vectors are positive; 1, the plain mean, for vectors with negative numbers.

    Raises:
        InputError: no images, no scales, a power other than 1 on negative numbers.
    """
    x = check_maps(x_NCHW, "images")
    if not len(scales):
        raise bad("scales", "none", "at least one factor", "Give (1,).")
    check_number("power", power, 0, open_low=True)
    total: Tensor | None = None
    for scale in scales:
        check_number("scales", scale, 0, 16, open_low=True)
        vectors = unit(pool(maps_of(_resized(x, scale))))
        if power != 1 and not torch.compiler.is_exporting() and (vectors < 0).any():
            raise InputError(f"power: {power:g} is for vectors without negative numbers, which these have. Give 1.")
        total = vectors.pow(power) if total is None else total + vectors.pow(power)
    assert total is not None
    return unit((total / len(scales)).pow(1 / power))


def _resized(x: Tensor, scale: float) -> Tensor:
    size = [max(1, round(int(side) * scale)) for side in x.shape[2:]]  # int: while traced they are tensors
    if size == list(x.shape[2:]):
        return x
    return torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
