"""What an image carries of one kind, as tensors in a square, apart from objects in the picture."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from ...core.checks import InputError
from ...data.annotations.faults import Fault
from ...data.annotations.record import Annotations
from .frame import Framed


class Part(NamedTuple):
    """Of one image.

    Attributes:
        tensors: by the names that they have in a batch.
        faults: what is wrong with what was carried.
    """

    tensors: dict[str, Tensor]
    faults: list[Fault]


class Kind(NamedTuple):
    """How an image's part of one kind is made.

    Attributes:
        part: of what it carries, how it lies in the square, the classes in the order of the outputs, and its name;
            raises `Without` where nothing is said of it.
        bytes: of a pixel of the square, where memory is reckoned.
    """

    part: Callable[[Annotations, Framed, Sequence[str], str], Part]
    bytes: int = 0


class Without(InputError):
    """Nothing is said of what is to be learned from an image, which is another thing than that there is nothing."""
