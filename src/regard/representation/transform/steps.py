"""Changes of vectors before they are compared: length 1, a signed power, several one after another."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ...core.checks import bad, check_matrix, check_number
from ...metrics.knn import unit


class Step:
    """A change of vectors with fixed settings; its fields are numbers and arrays."""

    kind: ClassVar[str]

    def apply(self, vectors_ND: ArrayLike) -> np.ndarray:
        """Vectors (n, d) to vectors (n, dim); float32 stays float32, and the input is not changed."""
        mean = getattr(self, "mean", None)
        return self._change(check_matrix("vectors", vectors_ND, columns=None if mean is None else len(mean)))

    def state(self) -> dict[str, np.ndarray]:
        """The fields as arrays, numbers with shape ()."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Any:
        """The step whose `state` this was."""
        names = sorted(field.name for field in fields(cls))  # type: ignore[arg-type]
        if sorted(state) != names:
            raise bad(f"state of {cls.kind}", ", ".join(sorted(state)) or "nothing", ", ".join(names) or "nothing")
        return cls(**{name: value if value.ndim else value.item() for name, value in state.items()})

    def _change(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True)
class L2(Step):
    """Bring each vector to length 1; zeros stay zeros.

    >>> L2().apply([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """

    kind = "l2"

    def _change(self, X: np.ndarray) -> np.ndarray:
        return unit(X)


@dataclass(frozen=True)
class Power(Step):
    """Raise the size of each number to `alpha` in (0, 1] and keep its sign, which tempers bursts.

    Perronnin, Sánchez and Mensink 2010, "Improving the Fisher kernel for large-scale image classification", ECCV.

    >>> Power(0.5).apply([[4.0, -9.0]])
    array([[ 2., -3.]])
    """

    alpha: float = 0.5
    kind = "power"

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0, 1, open_low=True)

    def _change(self, X: np.ndarray) -> np.ndarray:
        return np.sign(X) * np.abs(X) ** self.alpha


@dataclass(frozen=True, eq=False)
class Chain(Step):
    """Steps one after another; chains inside are laid open.

    >>> Chain((Power(0.5), L2())).apply([[9.0, -16.0]])
    array([[ 0.6, -0.8]])
    """

    steps: tuple[Step, ...]
    kind = "chain"

    def __post_init__(self) -> None:
        parts = [step.steps if isinstance(step, Chain) else (step,) for step in self.steps]
        object.__setattr__(self, "steps", tuple(step for part in parts for step in part))
        if not self.steps:
            raise bad("steps", "none", "at least one step")

    def _change(self, X: np.ndarray) -> np.ndarray:
        for step in self.steps:
            X = step.apply(X)
        return X

    def state(self) -> dict[str, np.ndarray]:
        """The fields of all steps, named PLACE.KIND.FIELD; an empty PLACE.KIND. for a step without any."""
        found: dict[str, np.ndarray] = {}
        for place, step in enumerate(self.steps):
            own = step.state() or {"": np.zeros(0, np.float32)}
            found |= {f"{place}.{step.kind}.{name}": value for name, value in own.items()}
        return found
