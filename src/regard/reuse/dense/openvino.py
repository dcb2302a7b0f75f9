"""The stages of a dense model in OpenVINO, which runs convolutions on a CPU several times faster than torch.

Each stage is traced once and kept in the cache with a hash that tells damage, as the networks of `embed` are. The first
takes pictures one by one, several at once; those of regions take any number, filled up to the next multiple of 64, so
that few shapes are ever met. In bf16 the head can stay in fp32, its convolutions behind the network and both stages of
regions.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.modes import evaluating
from ...core.checks import RunError
from ...core.storage import hash_json, hash_tensors, read_json
from ...representation.openvino_files import traced_with
from ...representation.openvino_graph import remember, with_exact
from ...representation.openvino_library import core, folder, machine
from .box_head import CELLS as BOX_CELLS
from .mask_head import CELLS as MASK_CELLS
from .model import DenseModel
from .stages import Staged, parts_of

FORM = 2  # a part of the key: where a stage computes something else, its graphs of before do not stand for it
GROUP = 64
WAYS = ("bf16", "bf16, head in fp32", "fp32")  # the fastest first
_NETWORK = "__module.encoder"  # with what the names of a trace's layers begin that are the network's


class Pictures:
    """The first stage in OpenVINO: called with x (n, 3, S, S) in [0, 1] it gives the stage's tensors.

    Pictures go in as bytes: bf16 would round values in [0, 1] before anything is computed of them. Each is a request
    of its own, and as many are run at once as the processor has room for: their maps lie nearer than a batch's, and
    what is done with the last ones can be done meanwhile.

    Args:
        stage: what to run.
        size: side of the pictures.
        batch: pictures a call; of one alone all cores take a part.
        key: names the stage and its weights in the cache.
        low: in bf16.
        exact: in bf16, whether all but the network stays in fp32.

    Raises:
        RunError: OpenVINO cannot convert or compile it.
    """

    def __init__(self, stage: nn.Module, size: int, batch: int, key: str, low: bool, exact: bool) -> None:
        example = torch.zeros(1, 3, size, size, dtype=torch.uint8)
        self._made = _compiled(stage, example, example.shape, key, low, exact, batch > 1)
        self._free: list[Any] = []

    def __call__(self, x: Tensor) -> list[Tensor]:
        """The stage's outputs (n, ...)."""
        return self.start(x)()

    def start(self, x: Tensor) -> Callable[[], list[Tensor]]:
        """Begin with x; what comes back waits for the outputs, once."""
        pictures, requests = (x * 255).round().byte().numpy(), []
        for row in range(len(pictures)):
            requests.append(self._free.pop() if self._free else self._made.create_infer_request())
            requests[-1].start_async([pictures[row : row + 1]])

        def outputs() -> list[Tensor]:
            for one in requests:
                one.wait()
            count = len(self._made.outputs)
            found = [np.concatenate([one.get_output_tensor(place).data for one in requests]) for place in range(count)]
            self._free.extend(requests)
            return [torch.from_numpy(one) for one in found]

        return outputs


class Regions:
    """A stage of regions in OpenVINO: called with x (n, ...) it gives the stage's tensors.

    Args:
        stage: what to run.
        shape: of one row that goes in.
        key: names the stage and its weights in the cache.
        low: in bf16.

    Raises:
        RunError: OpenVINO cannot convert or compile it.
    """

    def __init__(self, stage: nn.Module, shape: Sequence[int], key: str, low: bool) -> None:
        self._made = _compiled(stage, torch.zeros(2, *shape), [-1, *shape], key, low, False, False)

    def __call__(self, x: Tensor) -> list[Tensor]:
        """The stage's outputs (n, ...)."""
        n = len(x)
        wanted = max(-(-n // GROUP), 1) * GROUP
        if n < wanted:
            x = torch.cat([x, x.new_zeros(wanted - n, *x.shape[1:])])
        found = self._made([np.ascontiguousarray(x.numpy())])
        return [torch.from_numpy(found[place])[:n] for place in range(len(found))]


def _compiled(
    stage: nn.Module, example: Tensor, shape: Sequence[int], key: str, low: bool, exact: bool, many: bool
) -> Any:
    """A stage, traced with an example, for inputs of a shape; `many`: for several requests at once."""
    name = type(stage).__name__.lower()
    with evaluating(stage):
        graph, weights = traced_with(stage, example, folder() / f"{key}-{name}.xml", f"stage {name!r}")
    if low and exact:
        graph = with_exact(graph, _behind(graph))
    hints = {"INFERENCE_PRECISION_HINT": "bf16" if low else "f32"}
    hints |= {"PERFORMANCE_HINT": "THROUGHPUT" if many else "LATENCY"}
    try:
        model = core().read_model(ET.tostring(graph, encoding="unicode").encode(), weights)
        model.reshape(list(shape))
        return core().compile_model(model, "CPU", hints)
    except RuntimeError as error:
        raise RunError(f"OpenVINO cannot compile stage {name!r}: {error}") from error


def in_openvino(model: DenseModel, batch: int, way: str) -> Staged:
    """All stages in OpenVINO, in one of `WAYS`.

    Raises:
        RunError: OpenVINO cannot run one of them.
    """
    parts, size = parts_of(model.encoder, model.head), model.objective.size
    low, exact = way != "fp32", way != "bf16"
    key = key_of(model)
    first = Pictures(parts.first, size, batch, key, low, exact)
    boxes = masks = None
    if parts.boxes is not None:
        boxes = Regions(parts.boxes, (parts.width, BOX_CELLS, BOX_CELLS), key, low and not exact)
    if parts.masks is not None:
        masks = Regions(parts.masks, (parts.width, MASK_CELLS, MASK_CELLS), key, low and not exact)
    return Staged(model.head, first, boxes, masks, first.start)


def key_of(model: DenseModel) -> str:
    """Names a model, its weights and its heads' arithmetic in the cache."""
    weights = {f"encoder.{name}": value for name, value in model.encoder.state_dict().items()}
    weights |= {f"head.{name}": value for name, value in model.head.state_dict().items()}
    objective = model.objective
    return f"dense-{hash_json([FORM, objective.kind, objective.size, hash_tensors(weights)])}"


def departed(model: DenseModel) -> list[str]:
    """The ways in which this model was seen to find other things on this processor; none where nothing is known."""
    try:
        known = read_json(_memory(model))["departed"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
    return [way for way in WAYS if way in known] if isinstance(known, list) else []


def remember_departed(model: DenseModel, way: str) -> None:
    """Not to be tried again."""
    remember(_memory(model), {"departed": [*departed(model), way]})


def _memory(model: DenseModel) -> Path:
    return folder() / f"{key_of(model)}-{machine()}.json"


def _behind(graph: ET.Element) -> list[int]:
    """The places of a graph's layers that are not the network's."""
    layers = list(graph.iterfind("layers/layer"))
    own = [place for place, layer in enumerate(layers) if str(layer.get("name")).startswith(_NETWORK)]
    return list(range(max(own, default=-1) + 1, len(layers)))
