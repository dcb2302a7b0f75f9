"""The encoder in OpenVINO: on an ordinary CPU several times faster than torch, with the same vectors.

Batches have one size; a short one is filled up, so that a picture's vector never depends on how many came with it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import nn

from .int8_graph import compiled_int8
from .openvino_graph import compiled, filled
from .openvino_library import library
from .preprocess import Size


class OpenVINORunner:
    """Runs batches of uint8 pixels in the background; results come back in order."""

    def __init__(self, network: nn.Module, size: Size, batch: int, precision: str, key: str, note: str = "") -> None:
        """Compile the network; raise RunError where OpenVINO cannot, or departs from torch.

        `int8:NAME` takes the quantised graph of that name, as it was kept (`int8.settle`).
        """
        base, _, name = precision.partition(":")
        if base == "int8":
            self._compiled, exact = compiled_int8(size, batch, key, name), 0.0
        else:
            self._compiled, exact = compiled(network, size, batch, precision, key)
        self.batch, self.note = batch, note
        partly = f", first {exact:.0%} in fp32" if 0 < exact < 1 else ""
        self.name = f"openvino {precision}{partly}"

    def run(self, batches: Iterator[tuple[Any, np.ndarray]]) -> Iterator[tuple[Any, np.ndarray]]:
        """Pairs (tag, pixels (n, 3, H, W) uint8, n <= batch) to pairs (tag, vectors (n, D)), in the same order."""
        queue = library().AsyncInferQueue(self._compiled, 0)
        done: dict[int, np.ndarray] = {}
        queue.set_callback(lambda request, place: done.__setitem__(place, request.get_output_tensor().data.copy()))
        waiting: dict[int, tuple[Any, int, np.ndarray]] = {}
        depth, sent, given = len(queue) + 1, 0, 0
        for tag, pixels in batches:
            if len(pixels):
                whole = filled(pixels, self.batch)
                waiting[sent] = (tag, len(pixels), whole)  # the array must live until the request is through
                queue.start_async({0: whole}, userdata=sent, share_inputs=True)
            else:
                waiting[sent], done[sent] = (tag, 0, pixels), np.zeros((0, 0), np.float32)
            sent += 1
            while given in done and sent - given >= depth:
                yield self._take(waiting, done, given)
                given += 1
        queue.wait_all()
        while given < sent:
            yield self._take(waiting, done, given)
            given += 1

    @staticmethod
    def _take(waiting: dict[int, Any], done: dict[int, np.ndarray], place: int) -> tuple[Any, np.ndarray]:
        tag, n, _ = waiting.pop(place)
        return tag, done.pop(place)[:n]
