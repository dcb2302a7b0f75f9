"""The average of the weights along a run: smoother than the last ones, and no more to run.

Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging (SIAM J. Control Optim. 30). After step
t (from 0)

    average <- d average + (1 - d) weights,   d = min(decay, (1 + t) / (10 + t))

so that the first steps, far from where the run ends, are soon forgotten (the warm-up of TensorFlow's
ExponentialMovingAverage; 0.999 alone would remember the beginning of a run of 600 steps for good).

Averaged are the weights that learn and the running mean and variance of batch normalisation, which then fit the
averaged weights nearly. Counters, queues and teachers are not: they stay as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_STATISTICS = ("running_mean", "running_var")


def decay_at(step: int, decay: float) -> float:
    """How much of the average is kept after a step (from 0).

    >>> decay_at(0, 0.999), round(decay_at(90, 0.999), 2), decay_at(100_000, 0.999)
    (0.1, 0.91, 0.999)
    """
    return min(decay, (1 + step) / (10 + step))


class Average:
    """The average of a module's weights.

    Args:
        module: on its device; what it learns and its running statistics are averaged, from their values now on.
        decay: see the top of the file.

    Attributes:
        values: the average of each, by its name in the module.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in _averaged(module)}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights as they are after a step (from 0)."""
        keep = decay_at(step, self.decay)
        for name, value in _averaged(module):
            self.values[name].lerp_(value, 1 - keep)

    @torch.no_grad()
    def put(self, module: nn.Module) -> None:
        """Give the module the average in place of its weights."""
        for name, value in _averaged(module):
            value.copy_(self.values[name])

    @contextmanager
    def standing_in(self, module: nn.Module) -> Iterator[None]:
        """Inside the block the module has the average, after it its own weights again, to the last bit."""
        own = {name: value.detach().clone() for name, value in _averaged(module)}
        self.put(module)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in _averaged(module):
                    value.copy_(own[name])


def _averaged(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            yield name, parameter
    for name, buffer in module.named_buffers():
        if name.rpartition(".")[2] in _STATISTICS:
            yield name, buffer
