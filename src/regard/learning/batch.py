"""A batch: named tensors that belong to the same images."""

from collections.abc import Callable, Iterator
from typing import Self

from torch import Tensor


class Batch:
    """What one step learns from: `images` and whatever else is known of them, each a tensor under its name.

    `images` is (N, 3, H, W); uint8 as they are fed, float32 in [0, 1] when an objective gets them. Usual other names:
    `rows` (N,) their places in the training set; `labels` (N,) whole numbers, the place of each among the classes;
    `boxes`, `masks`, `depth`, `domain`. Sources of different size in one batch keep their tensors apart as
    `source/images`, `target/images`; `part` gives those of one.

    >>> import torch
    >>> batch = Batch(torch.zeros(2, 3, 8, 8), domain=torch.tensor([0, 1]))
    >>> "domain" in batch, "labels" in batch, sorted(batch)
    (True, False, ['domain', 'images'])

    Attributes:
        held_out: the batch is for scoring: no augmentation beyond what the puzzle itself needs.
    """

    def __init__(
        self,
        images: Tensor | None = None,
        rows: Tensor | None = None,
        labels: Tensor | None = None,
        held_out: bool = False,
        **others: Tensor | None,
    ) -> None:
        given = {"images": images, "rows": rows, "labels": labels, **others}
        self._tensors = {name: value for name, value in given.items() if value is not None}
        self.held_out = held_out

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._tensors:
            raise KeyError(f"a batch without {name!r}; it has {', '.join(sorted(self._tensors))}")
        return self._tensors[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def get(self, name: str) -> Tensor | None:
        """The tensor of that name, or None."""
        return self._tensors.get(name)

    @property
    def images(self) -> Tensor:
        """(N, 3, H, W)."""
        return self["images"]

    @property
    def rows(self) -> Tensor:
        """(N,) places in the training set."""
        return self["rows"]

    @property
    def labels(self) -> Tensor:
        """(N,) places among the classes; KeyError where there are none."""
        return self["labels"]

    def replace(self, **tensors: Tensor) -> Self:
        """The same batch with these tensors in place of, or besides, its own."""
        return self._made({**self._tensors, **tensors})

    def each(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same batch with every tensor changed, as by a slice of its rows."""
        return self._made({name: change(value) for name, value in self._tensors.items()})

    def part(self, source: str) -> Self:
        """The tensors of one source of several: those named `source/...`, without that."""
        start = f"{source}/"
        return self._made({k.removeprefix(start): v for k, v in self._tensors.items() if k.startswith(start)})

    def to(self, device: object, non_blocking: bool = False) -> Self:
        """The same batch on a device."""
        return self.each(lambda value: value.to(device, non_blocking=non_blocking))

    def _made(self, tensors: dict[str, Tensor]) -> Self:
        return type(self)(held_out=self.held_out, **tensors)
