"""Who runs a dense model in prediction: OpenVINO on a CPU, where that finds what torch finds, otherwise torch.

    runner = runner_for(model, images)
    answers = replace(model, runner=runner.run).predict(images)
    print(runner.name, runner.note)

Each way of OpenVINO, the fastest first, is compared with torch in fp32 on up to eight of the very pictures: every
object that either finds with a score above .3 must be found by the other, of the same class, its sides within half a
pixel of the square; a mask within an IoU of .9; classes of pixels the same in all but one of 200. What the stages say
must point where torch's point, too, so that pictures without objects do not pass whatever comes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from ...core.checks import RunError, bad, check_choice, check_number
from ...data.imageset import ImageSet
from ...representation.openvino_graph import FLOOR, cosines
from .alike import Alike, compared
from .model import DenseModel
from .stages import Staged, Told, by_torch, in_stages

PRECISIONS = ("auto", "bf16", "fp32")
CHECKED = 8  # pictures
DEPARTS = "OpenVINO in {} departs from torch"  # the same words whether it was seen now or before


@dataclass(frozen=True)
class Runner:
    """Who runs a model. `run`, called with squares (N, 3, S, S) in [0, 1], gives what the head's `predict` gives.

    Attributes:
        name: who it is: `openvino bf16`, `openvino bf16, head in fp32`, `openvino fp32` or `torch fp32 on cpu`.
        note: why it is not the one that was wanted first; empty where it is.
        run: what is called; None: the model itself, as `DenseModel.runner` has it.
        alike: how it compares with torch; None where it is torch.
    """

    name: str
    note: str
    run: Callable[[Tensor], Told] | None
    alike: Alike | None = None


def runner_for(model: DenseModel, images: ImageSet, precision: str = "auto", batch: int = 8) -> Runner:
    """Choose who runs a model on these pictures.

    Args:
        model: on the device that it is to run on.
        images: what it is to look at; up to eight of them, spread over the set, are looked at twice.
        precision: `auto`: OpenVINO in bf16 where the processor has it, with the head in fp32 where that is needed,
            else in fp32, else torch; `fp32`: OpenVINO in fp32, else torch; `bf16`: OpenVINO in bf16 or an error.
        batch: pictures a call; `predict` must be given no more.

    Raises:
        InputError: another precision; bf16 where the processor has none, or where the model finds other things in it.
    """
    check_choice("--precision", precision, PRECISIONS)
    check_number("batch", batch, 1, whole=True)
    device = next(model.encoder.parameters()).device
    torch_itself = f"torch fp32 on {device.type}"
    if not in_stages(model.head):
        if precision == "bf16":
            raise bad("--precision", f"bf16 for {model.objective.kind}", "auto or fp32", "This head runs in torch.")
        return Runner(torch_itself, f"{model.objective.kind} is not taken apart for OpenVINO", None)
    exact = by_torch(model.encoder, model.head)
    if device.type != "cpu":
        if precision == "bf16":
            raise bad("--precision", f"bf16 on {device.type}", "auto or fp32", "Boxes are exact there, and fast.")
        return Runner(torch_itself, "", exact)
    from ...representation.openvino_library import has_bf16
    from .openvino import WAYS, departed, in_openvino, remember_departed

    if precision == "bf16" and not has_bf16():
        raise bad("--precision", "bf16", "a precision that this processor has", "Use auto or fp32.")
    low = [way for way in WAYS if way.startswith("bf16")]
    ways = low if precision == "bf16" else [*(low if precision == "auto" and has_bf16() else ()), "fp32"]
    seen = _looked_at(model, images, batch, exact)
    notes: list[str] = []
    known = departed(model) if precision == "auto" else []
    for way in ways:
        if way in known:
            notes.append(DEPARTS.format(way))
            continue
        try:
            fast = in_openvino(model, batch, way)
        except RunError as error:
            notes.append(str(error))
            continue
        alike = _alike(fast, seen)
        if alike.good and alike.cosine >= FLOOR[way[:4]]:
            return Runner(f"openvino {way}", "; ".join(notes), fast, alike)
        notes.append(DEPARTS.format(way) if precision == "auto" else f"{DEPARTS.format(way)} ({alike})")
        if way.startswith("bf16"):
            remember_departed(model, way)
    if precision == "bf16":
        raise bad("--precision", "bf16", "a precision in which this model finds the same", f"{'; '.join(notes)}.")
    return Runner(torch_itself, "; ".join(notes), exact)


@dataclass(frozen=True)
class _Seen:
    """Squares (n, 3, S, S), what torch's first stage said of them, and what it found."""

    images: Tensor
    said: list[Tensor]
    found: Told


def _looked_at(model: DenseModel, images: ImageSet, batch: int, exact: Staged) -> list[_Seen]:
    """What torch says of some of the pictures; of none, where none can be read."""
    rows = np.unique(np.linspace(0, len(images) - 1, min(CHECKED, len(images))).round().astype(int))
    seen: list[_Seen] = []

    def keep(x: Tensor) -> Told:
        said = list(exact.first(x))
        seen.append(_Seen(x, said, exact.chosen(said, int(x.shape[2]))))
        return seen[-1].found

    for _ in replace(model, runner=keep).predict(images.subset(rows), batch=batch):
        pass
    return seen


def _alike(fast: Staged, seen: list[_Seen]) -> Alike:
    total = Alike()
    for one in seen:
        said = fast.first(one.images)
        cosine = min(_cosine(mine, its) for mine, its in zip(one.said, said))
        total = total.joined(compared(one.found, fast.chosen(said, int(one.images.shape[2])), cosine))
    return total


def _cosine(exact: Tensor, fast: Tensor) -> float:
    """The smallest over the pictures; of whole numbers, which are classes, 1."""
    if not exact.is_floating_point():
        return 1.0
    return float(cosines(exact.flatten(1).double().numpy(), fast.flatten(1).double().numpy()).min())
