"""The encoder in OpenVINO: on an ordinary CPU several times faster than torch, with the same vectors.

The network is traced once, kept in the cache folder, and compiled for a batch of fixed size; a short batch is filled
up, so that a picture's vector never depends on how many pictures came with it.
"""

import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core.checks import RunError
from ..core.storage import cache_folder

# agreement with torch in fp32 on a check picture, below which a compiled network is not used
FLOOR = {"bf16": 0.99, "fp32": 0.9999}


@lru_cache(maxsize=1)
def has_bf16() -> bool:
    """Whether this processor computes in bf16 (AVX-512 BF16 or AMX)."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVINORunner:
    """Runs batches of uint8 pixels in the background; results come back in order."""

    def __init__(self, network: nn.Module, size: int, batch: int, precision: str, key: str, note: str = "") -> None:
        """Trace (or read from the cache) and compile; raise RunError where OpenVINO cannot or the check fails."""
        self.batch, self.name, self.note = batch, f"openvino {precision}", note
        try:
            model = _traced(network, size, key)
            model.reshape([batch, 3, size, size])
            hint = {"bf16": "bf16", "fp32": "f32"}[precision]
            compiled = _core().compile_model(
                model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "THROUGHPUT"}
            )
        except Exception as error:  # OpenVINO raises RuntimeError and its own types alike
            raise RunError(f"OpenVINO cannot run {network.encoder.name}: {error}") from error
        self._compiled = compiled
        self._check(network, size, precision)

    def run(self, batches: Iterator[tuple[Any, np.ndarray]]) -> Iterator[tuple[Any, np.ndarray]]:
        """Pairs (tag, pixels (n, 3, H, W) uint8, n <= batch) to pairs (tag, vectors (n, D)), in the same order."""
        import openvino as ov

        queue = ov.AsyncInferQueue(self._compiled, 0)
        done: dict[int, np.ndarray] = {}
        queue.set_callback(lambda request, place: done.__setitem__(place, request.get_output_tensor().data.copy()))
        waiting: dict[int, tuple[Any, int, np.ndarray]] = {}
        depth, sent, given = len(queue) + 1, 0, 0
        for tag, pixels in batches:
            if len(pixels):
                whole = _filled(pixels, self.batch)
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

    def _check(self, network: nn.Module, size: int, precision: str) -> None:
        # a smooth picture with some noise: flat or random pixels alone would excite few of the network's units
        rng = np.random.default_rng(0)
        y, x = np.mgrid[0:size, 0:size] / size
        waves = np.stack([np.sin(6 * x + 3 * y), np.cos(5 * y), np.sin(9 * x * y)]) * 90 + 128
        picture = np.clip(waves + rng.normal(0, 12, waves.shape), 0, 255).astype(np.uint8)[None]
        with torch.inference_mode():
            exact = network(torch.from_numpy(picture)).numpy()[0]
        ours = self._compiled([_filled(picture, self.batch)])[0][0]
        norms = np.linalg.norm(exact) * np.linalg.norm(ours)
        cosine = float(exact @ ours / norms) if norms else float(np.array_equal(exact, ours))
        if not cosine >= FLOOR[precision]:
            raise RunError(f"OpenVINO in {precision} departs from torch (cosine {cosine:.5f} on a check picture)")


def _filled(pixels: np.ndarray, batch: int) -> np.ndarray:
    if len(pixels) == batch:
        return np.ascontiguousarray(pixels)
    whole = np.zeros((batch, *pixels.shape[1:]), np.uint8)
    whole[: len(pixels)] = pixels
    return whole


def _traced(network: nn.Module, size: int, key: str) -> Any:
    import openvino as ov

    stored = cache_folder() / "openvino" / ov.__version__.split("-")[0] / f"{key}.xml"
    if stored.is_file() and stored.with_suffix(".bin").is_file():
        try:
            return _core().read_model(stored)
        except RuntimeError:
            pass  # damaged: it is made again below
    # the frontend is called directly: openvino.convert_model would report its use over the network
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    example = torch.zeros(2, 3, size, size, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every Python branch on a shape
        traced = torch.jit.trace(network, example, check_trace=False)
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=(example,))  # must outlive the conversion
        model = frontend.convert(frontend.load(decoder))
    _store(model, stored)
    return model


def _store(model: Any, path: Path) -> None:
    import openvino as ov

    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as folder:
        ov.save_model(model, Path(folder) / "graph.xml", compress_to_fp16=False)
        # the weights first: a graph without weights is not looked at
        (Path(folder) / "graph.bin").replace(path.with_suffix(".bin"))
        (Path(folder) / "graph.xml").replace(path)


@lru_cache(maxsize=1)
def _core() -> Any:
    import openvino as ov

    return ov.Core()
