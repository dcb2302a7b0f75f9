"""Which precision this machine trains a network fastest in: measured once and remembered, so that runs repeat."""

import copy
import platform
from collections.abc import Callable
from typing import Any

import torch

from ..core import processes
from ..core.runtime import check_training_precision, pick_precision, torch_rng
from ..core.storage import cache_folder, hash_json, read_json, write_json
from .batch import Batch
from .trainable import Moment, Trainable

SHORT = 50  # steps; timing takes eight, and bf16 seldom saves more than a third of one


def settle_precision(
    precision: str, device: str, trainable: Trainable, make_batch: Callable[[], Any], steps: int | None = None
) -> str:
    """Resolve auto | fp32 | bf16 by timing what is to learn: its own step on a copy of it.

    The answer for a processor, a network and a batch shape is kept in the cache folder: otherwise the same command
    could give other numbers the next day, when the machine is busier. Several processes on CPUs use fp32, as they
    would disturb each other's timing and must all agree; so does a run of fewer than 50 steps, of which timing would
    take more than bf16 can save.

    Args:
        precision: as it was asked for.
        device: where it learns.
        trainable: what learns.
        make_batch: gives a batch as it learns from.
        steps: of the run; None where a clock ends it.
    """
    check_training_precision(precision)
    if precision != "auto" or device != "cpu":
        return pick_precision(precision, device)
    if processes.world_size() > 1 or (steps is not None and steps < SHORT):
        return "fp32"
    batch = make_batch()
    shapes = {name: list(value.shape) for name, value in trainable.state_dict().items()}
    machine = [platform.machine(), torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), torch.__version__]
    parts = [batch[name] for name in batch] if isinstance(batch, Batch) else batch
    parts = parts if isinstance(parts, tuple | list) else (parts,)
    work = [type(trainable).__name__, shapes, [list(part.shape) for part in parts if torch.is_tensor(part)]]
    known = cache_folder() / "precision" / f"{hash_json([machine, work])}.json"
    try:
        if (remembered := read_json(known)["precision"]) in ("fp32", "bf16"):
            return str(remembered)
    except (OSError, LookupError, TypeError, ValueError):
        pass  # not known, or damaged: measured, and written anew
    found = pick_precision("auto", device, _step(trainable, batch))
    write_json(known, {"precision": found})
    return found


def _step(trainable: Trainable, batch: Any) -> Callable[[], object]:
    trial = copy.deepcopy(trainable).train()
    trial.to(memory_format=torch.channels_last)
    first = Moment(player=trial.players()[0].name)

    def step() -> None:
        with torch.random.fork_rng([]):  # dropout must not shift anybody's global generator
            loss, _ = trial(first, batch, torch_rng(0, "precision"))
            loss.backward()

    return step
