"""The diagonal of the Fisher information, of each image by itself.

F_i = 1/N sum_n E_{y ~ p(. | x_n)} (d log p(y | x_n) / d w_i)^2. The square is of an image's own gradient: the square of
a batch's mean gradient is another thing, whose size hangs on the batch (van de Ven 2025, On the computation of the
Fisher information in continual learning, ICLR blog posts).
"""

from collections.abc import Callable, Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from ...core.checks import check_choice, check_number
from ...core.runtime import torch_rng
from .contract import Labelled, Tensors

Labels = Literal["sample", "all", "true"]
ROOM = 1 << 28  # bytes of gradients that are held at once


def fisher(
    network: nn.Module,
    classifier: nn.Module,
    weights: Tensors,
    images: Labelled,
    labels: Labels = "sample",
    *,
    seed: int = 0,
    batch: int | None = None,
    most: int | None = None,
) -> dict[str, Tensor]:
    """The diagonal for each weight, float32, in the weight's shape.

    Args:
        network: images to features; in evaluation mode.
        classifier: features to logits.
        weights: those to look at, by name: `encoder.NAME` of `network`, `classes.NAME` of `classifier`.
        images: all of them with their labels, in batches of any size.
        labels: `sample`, one label drawn for each image from what the network says; `all`, the expectation over
            labels, K times the work; `true`, the labels that the images have (the empirical Fisher).
        seed: of the draws, which do not depend on the batch.
        batch: images at once; None: as many as gradients of 256 MiB allow, at most 64. It does not change the result.
        most: only so many images, drawn; None: all.

    Raises:
        InputError: unknown labels, a batch below 1.
    """
    check_choice("labels", labels, get_args(Labels))
    size = 4 * sum(value.numel() for value in weights.values())
    n = check_number("batch", max(1, min(64, ROOM // max(size, 1))) if batch is None else batch, 1, whole=True)
    values = {name: value.detach() for name, value in weights.items()}

    def logits_of(free: Tensors, x_NCHW: Tensor) -> Tensor:
        z = functional_call(network, _part(free, "encoder."), (x_NCHW,))
        found: Tensor = functional_call(classifier, _part(free, "classes."), (z,))
        return found if found.dtype == torch.float64 else found.float()

    def log_probability(free: Tensors, x_CHW: Tensor, y: Tensor) -> Tensor:
        return torch.log_softmax(logits_of(free, x_CHW[None]), dim=1)[0].gather(0, y[None])[0]

    each = vmap(grad(log_probability), in_dims=(None, 0, 0))
    total = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in values.items()}
    x, y = _drawn(images, seed, most)
    uniform = torch.rand(len(x), generator=torch_rng(seed, "fisher", "labels")).to(x.device)
    for at in range(0, len(x), n):
        some, known = x[at : at + n], y[at : at + n]
        with torch.no_grad():
            p = logits_of(values, some).double().softmax(1)
        for label, share in _labels(labels, p, known, uniform[at : at + n]):
            for name, gradient in each(values, some, label).items():
                squares = gradient.double().square()
                total[name] += torch.einsum("n,n...->...", share, squares)
    return {name: (value / max(len(x), 1)).float() for name, value in total.items()}


def _labels(labels: str, p: Tensor, known: Tensor, uniform: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    """Labels (n,) with the weight of each (n,)."""
    if labels == "true":
        return [(known, torch.ones_like(p[:, 0]))]
    if labels == "sample":
        drawn = (p.cumsum(1) < uniform[:, None]).sum(1).clamp_max(p.shape[1] - 1)
        return [(drawn, torch.ones_like(p[:, 0]))]
    return [(torch.full_like(known, k), p[:, k]) for k in range(p.shape[1])]


def _drawn(images: Labelled, seed: int, most: int | None) -> tuple[Tensor, Tensor]:
    parts = list(images())
    x, y = (torch.cat([part[place] for part in parts]) for place in (0, 1))
    if most is None or most >= len(x):
        return x, y
    rows = torch.randperm(len(x), generator=torch_rng(seed, "fisher", "images"))[:most].sort().values.to(x.device)
    return x[rows], y[rows]


def _part(free: Tensors, start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): value for name, value in free.items() if name.startswith(start)}


def anchored(weights: Tensors, centre: Tensors, strength: Callable[[str], Tensor]) -> Tensor:
    """sum_i s_i (w_i - c_i)^2 over the weights that have a centre; of a classifier the rows that were there then."""
    terms = [
        (strength(name) * (weights[name][: len(value)] - value).square()).sum()
        for name, value in centre.items()
        if name in weights
    ]
    return torch.stack(terms).sum() if terms else torch.zeros(())
