"""Maximum mean discrepancy with several Gaussian kernels at once, with a gradient."""

import torch
from torch import Tensor

EXPONENTS = range(-3, 2)


def multi_kernel_mmd2(source_ND: Tensor, target_MD: Tensor) -> Tensor:
    """Biased squared MMD: mean Kss + mean Ktt - 2 mean Kst, at least 0 but for rounding.

    K = mean_u exp(-r^2 / (2^u m)), u = -3 ... 1, m the mean squared distance of pooled pairs, through which no gradient
    goes: the `multi` of `adapt.shift.mmd`.

    >>> x = torch.arange(6.0)[:, None]
    >>> abs(float(multi_kernel_mmd2(x, x))) < 1e-6
    True
    """
    n, z = len(source_ND), torch.cat([source_ND, target_MD])
    z = z - z.mean(0).detach()
    norms = z.square().sum(1)
    squared = (norms[:, None] + norms - 2 * z @ z.T).clamp_min(0)
    squared = squared * (1 - torch.eye(len(z), device=z.device))
    mean = (2 * z.detach().square().sum() / max(len(z) - 1, 1)).clamp_min(torch.finfo(z.dtype).tiny)
    K = torch.stack([torch.exp(-squared / (2.0**u * mean)) for u in EXPONENTS]).mean(0)
    return K[:n, :n].mean() + K[n:, n:].mean() - 2 * K[:n, n:].mean()
