"""Guards around a call: it leaves what it was given, and the random state of the process, as they were."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def random_state_untouched() -> Iterator[None]:
    """Fail where the block draws from, or seeds, a random state that all of the process shares."""

    def states() -> tuple[object, bytes, bytes]:
        name, keys, *rest = np.random.get_state()
        return (random.getstate(), name, rest), keys.tobytes(), torch.random.get_rng_state().numpy().tobytes()

    before = states()
    yield
    for whose, was, now in zip(("Python's", "NumPy's", "torch's"), before, states()):
        assert was == now, f"{whose} global random state was touched"


@contextmanager
def unchanged(*arrays: np.ndarray | torch.Tensor) -> Iterator[None]:
    """Fail where the block changes one of these arrays or tensors."""
    before = [one.clone() if torch.is_tensor(one) else one.copy() for one in arrays]
    yield
    for was, now in zip(before, arrays):
        np.testing.assert_array_equal(np.asarray(now), np.asarray(was))
