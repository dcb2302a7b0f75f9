"""The loss of an angle that is told together with how sure it is.

Source: von Mises 1918, Physikalische Zeitschrift 19; as a network's loss: Prokudin, Gehler, Nowozin 2018, Deep
directional statistics: pose estimation with uncertainty quantification, ECCV.

The idea: a head tells a point in the plane, whose direction is the angle and whose length k is how sure it is. The loss
is the negative logarithm of von Mises' density, the normal distribution of the circle, with that middle and that k:

    log I0(k) - k cos(told - true),  where I0 is the modified Bessel function of order 0, and log(2 pi) is left out.

Where nothing shows the angle, a short point costs nothing: log I0(0) = 0. A loss of sin and cos pulls to points of
length 1 there, and where the angle shows well it cares no more for it, as its slope stays the same; here it grows with
k, beside a depth whose slope grows too with how sure that is.
"""

import torch
from torch import Tensor

_LEAST = 1e-12  # of k^2, as a root has no slope at 0


def von_mises_loss(told: Tensor, sin_cos: Tensor) -> Tensor:
    """The loss (...) of points (..., 2) where the sines and cosines of the angles (..., 2) are known.

    >>> right, wrong = torch.tensor([0.0, 8.0]), torch.tensor([8.0, 0.0])
    >>> [round(float(von_mises_loss(one, torch.tensor([0.0, 1.0]))), 2) for one in (right, wrong)]
    [-1.94, 6.06]
    """
    k = (told.square().sum(-1) + _LEAST).sqrt()
    # I0(k) e^-k does not grow, so that no k is too large for it
    return torch.special.i0e(k).log() + k - (told * sin_cos).sum(-1)
