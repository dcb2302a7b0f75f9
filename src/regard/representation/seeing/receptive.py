"""Receptive fields: exactly the pixels that one cell of a map depends on, as the rectangle around them.

Read from autograd's graph backwards: which places of each axis (channels, rows, columns) an operation takes for the
places that are asked of it. Branches that meet are united; padding, dilation, groups and the slices of a
concatenation are followed as they are, so that the rectangle neither misses a pixel nor has an edge too many. Of what
is not known here (attention, reshaping, what no gradient passes) every pixel is taken.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...backbones.modes import evaluating
from .graph import See, kind, way_back

Rectangle = tuple[int, int, int, int]  # top, left, bottom, right in pixels; bottom and right are beyond the last
Places = list[np.ndarray]  # for each axis of a tensor which places are asked for, bool

_SAVED = "stride padding dilation kernel_size transposed groups pad dim dims".split()
_POOLS = ("MaxPool2DWithIndices", "AvgPool2D")
_SAME = """Relu Hardtanh Clamp ClampMin LeakyRelu Elu Gelu Silu Mish Sigmoid Hardsigmoid Hardswish Tanh Softplus Clone
NativeBatchNorm CudnnBatchNorm MiopenBatchNorm Add Sub Rsub Neg Mul Div ToCopy Alias Expand Pow""".split()


def receptive_fields(see: See, x_NCHW: Tensor, network: Any = None) -> Callable[[int | None, int, int], Rectangle]:
    """A function of a unit and its cell (row, column) that gives the pixels which the cell depends on.

    None as the unit stands for all units of the cell.

    Args:
        see: images to a map (N, C, h, w).
        x_NCHW: one image, which need not show anything: only its size counts.
        network: what `see` runs, where that is not `see` itself or its attribute `network`.

    Raises:
        InputError: no gradient leads from the map to the pixels.
    """
    leaf = x_NCHW[:1].detach().clone().requires_grad_()
    whole: Rectangle = (0, 0, *map(int, x_NCHW.shape[2:]))  # type: ignore[assignment]
    with evaluating(network or getattr(see, "network", None) or see), torch.enable_grad():
        output = see(leaf)
        if not output.requires_grad:  # computed in another way than by torch
            return lambda unit, row, column: whole
        nodes = way_back(output, leaf)
    shape = tuple(output.shape)
    numbers = {node: number for number, node in enumerate(nodes)}
    steps = [_Step(node, numbers) for node in nodes[:-1]]  # the graph itself is not kept
    last = len(nodes) - 1

    def field(unit: int | None, row: int, column: int) -> Rectangle:
        places = [_only(at, size) for at, size in zip((0, unit or 0, row, column), shape)]
        if unit is None:
            places[1][:] = True
        asked: dict[int, Places] = {0: places}
        for number, step in enumerate(steps):
            wanted = asked.pop(number, None)
            for onwards, found in () if wanted is None else step.taken(wanted):
                if all(one.any() for one in found):
                    there = asked.get(onwards)
                    asked[onwards] = found if there is None else [a | b for a, b in zip(there, found)]
        if last not in asked:
            return whole
        rows, columns = (np.flatnonzero(one) for one in asked[last][2:])
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1

    return field


def whole_fields(field: Callable[[int | None, int, int], Rectangle], cells: tuple[int, int]) -> np.ndarray:
    """Which cells (h, w) of a map have a receptive field that no edge of the picture cuts; all, where each is cut.

    A cell at the edge answers to the padding as well, and often most of all.
    """
    rows, columns = cells
    heights = [bottom - top for top, _, bottom, _ in (field(None, at, columns // 2) for at in range(rows))]
    widths = [right - left for _, left, _, right in (field(None, rows // 2, at) for at in range(columns))]
    return np.outer(np.array(heights) == max(heights), np.array(widths) == max(widths))


class _Step:
    """One operation: which places of its inputs it takes. All it needs of the graph is read when it is made."""

    def __init__(self, node: Any, numbers: Mapping[Any, int]) -> None:
        self.kind = kind(node)
        self.inputs = [None if one is None else _shape(one, number) for one, number in node.next_functions]
        self.onwards = [
            (place, numbers[one], self.inputs[place] or ())
            for place, (one, _) in enumerate(node.next_functions)
            if one in numbers
        ]
        self.saved = {name: getattr(node, f"_saved_{name}") for name in _SAVED if hasattr(node, f"_saved_{name}")}
        if self.kind == "Convolution":
            self.saved["kernel_size"] = tuple(node._saved_weight.shape[2:])

    def taken(self, places: Places) -> list[tuple[int, Places]]:
        """For each input on the way back, by number, which of its places are taken."""
        return [(one, self._of(place, shape, places)) for place, one, shape in self.onwards]

    def _of(self, place: int, shape: tuple[int, ...], places: Places) -> Places:
        ours = tuple(map(len, places))
        if self.kind in _SAME:
            return _aligned(shape, places) or _all(shape)
        if self.kind == "Convolution" and len(ours) == len(shape) == 4:
            groups = int(self.saved["groups"])
            channels = np.repeat(places[1].reshape(groups, -1).any(1), shape[1] // groups)
            return [places[0], channels, *(self._taps(axis, shape, places) for axis in (2, 3))]
        if self.kind in _POOLS and len(ours) == len(shape) == 4:
            return [*places[:2], *(self._taps(axis, shape, places) for axis in (2, 3))]
        if self.kind in ("AdaptiveAvgPool2D", "AdaptiveMaxPool2D") and len(shape) == 4:
            return [*places[:2], *(_shares(places[axis], shape[axis]) for axis in (2, 3))]
        if self.kind == "ConstantPadNd":
            return self._unpadded(shape, places)
        if self.kind == "Cat":
            return self._slice(place, shape, places)
        if self.kind == "Permute":
            found: Places = [np.zeros(0, bool)] * len(shape)
            for ours_at, theirs in enumerate(self.saved["dims"]):
                found[int(theirs) % len(shape)] = places[ours_at]
            return found
        if self.kind == "NativeLayerNorm" and ours == shape:
            return [*places[:-1], np.ones(shape[-1], bool)]
        if self.kind in ("Passed", "Differentiated") and ours == shape:  # over the channels
            return [places[0], np.ones(shape[1], bool), *places[2:]]
        return _all(shape)

    def _taps(self, axis: int, shape: tuple[int, ...], places: Places) -> np.ndarray:
        """Rows or columns under the windows of a convolution or a pooling."""
        at = axis - 2
        kernel = self.saved["kernel_size"][at]
        stride = (self.saved["stride"] or self.saved["kernel_size"])[at]
        padding, dilation = self.saved["padding"][at], (self.saved.get("dilation") or (1, 1))[at]
        taps = dilation * np.arange(kernel)
        found = np.zeros(shape[axis], bool)
        asked = np.flatnonzero(places[axis])[:, None]
        if self.saved.get("transposed"):
            wide = asked + padding - taps
            under = wide[wide % stride == 0] // stride
        else:
            under = (asked * stride - padding + taps).ravel()
        found[under[(under >= 0) & (under < shape[axis])]] = True
        return found

    def _unpadded(self, shape: tuple[int, ...], places: Places) -> Places:
        pad, found = list(self.saved["pad"]), list(places)
        for back in range(len(pad) // 2):  # from the last axis on
            axis = len(shape) - 1 - back
            rows = np.flatnonzero(places[axis]) - pad[2 * back]
            found[axis] = np.zeros(shape[axis], bool)
            found[axis][rows[(rows >= 0) & (rows < shape[axis])]] = True
        return found

    def _slice(self, place: int, shape: tuple[int, ...], places: Places) -> Places:
        axis = int(self.saved["dim"]) % len(shape)
        sizes = [None if one is None else one[axis] for one in self.inputs]
        if None in sizes or sum(map(int, sizes)) != len(places[axis]):  # type: ignore[arg-type]
            return _all(shape)
        start = sum(map(int, sizes[:place]))  # type: ignore[arg-type]
        return [one[start : start + shape[axis]] if at == axis else one for at, one in enumerate(places)]


def _shape(node: Any, number: int) -> tuple[int, ...]:
    """Of what a node's operation gave."""
    leaf = getattr(node, "variable", None)
    return tuple(node._input_metadata[number].shape if leaf is None else leaf.shape)


def _only(place: int, size: int) -> np.ndarray:
    found = np.zeros(size, bool)
    found[place] = True
    return found


def _all(shape: Sequence[int]) -> Places:
    return [np.ones(size, bool) for size in shape]


def _aligned(shape: tuple[int, ...], places: Places) -> Places | None:
    """The same places; where an axis was repeated, its one place; None where the shapes are others."""
    if len(shape) > len(places):
        return None
    found = []
    for size, one in zip(shape, places[len(places) - len(shape) :]):
        if size != len(one) and size != 1:
            return None
        found.append(one if size == len(one) else np.array([bool(one.any())]))
    return found


def _shares(places: np.ndarray, size: int) -> np.ndarray:
    """Of adaptive pooling, whose window o is from floor(o n / m) to ceil((o + 1) n / m)."""
    found, many = np.zeros(size, bool), len(places)
    for one in np.flatnonzero(places):
        found[one * size // many : -(-(one + 1) * size // many)] = True
    return found
