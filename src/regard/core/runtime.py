"""The machine: device, precision, seeds, costs, and how a run is launched."""

import atexit
import ctypes
import hashlib
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import processes
from .checks import bad, check_choice

# of glibc's mallopt
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
_keeping: list[object] = []  # the blocks of `kept_memory` that have not ended, in any order


@dataclass
class Cost:
    """What a block of work took: wall-clock seconds, processor seconds, and the process's peak memory in MiB."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Rounded, for cards and JSON."""
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "peak_mib": round(self.peak_mib, 1),
        }


@contextmanager
def measured() -> Iterator[Cost]:
    """Fill a `Cost` when the block ends. The peak is that of the whole process so far, not of the block alone."""
    cost, wall, cpu = Cost(), time.perf_counter(), time.process_time()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - wall
        cost.cpu_seconds = time.process_time() - cpu
        cost.peak_mib = peak_mib()


def peak_mib() -> float:
    """Peak resident memory of this process in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def threads() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_blas_thread(multiplications: float = 0) -> Iterator[None]:
    """Keep numpy's matrix products on one thread inside the block, unless one of them is huge (over 1e9).

    An optimiser that makes thousands of small products waits for threads more than it computes: fitting a probe on
    1,350 vectors took 2.5 s with two threads and 0.25 s with one.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1 if multiplications < 1e9 else None, user_api="blas"):
        yield


@contextmanager
def kept_memory() -> Iterator[None]:
    """Inside the block freed memory stays with the process, for the next step; at its end it goes back.

    Every batch frees and takes the same large blocks, and glibc asks the system for each anew, page by page: with
    ResNet-18 on 256 inputs of 64 pixels that is a tenth of a training's time, and with a detector's finest maps a third
    of a prediction's. Blocks may lie in one another; the last one that ends counts. Elsewhere than with glibc: no
    effect.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(MMAP_MAX, 0)
    libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)
    own = object()
    _keeping.append(own)
    try:
        yield
    finally:
        _keeping.remove(own)
        if not _keeping:
            # once told anything glibc no longer learns from what is freed; this is the most that it would have learned
            libc.mallopt(MMAP_MAX, 65_536)
            libc.mallopt(MMAP_THRESHOLD, 2**25)
            libc.mallopt(TRIM_THRESHOLD, 2**26)
            libc.malloc_trim(0)


def derive_seed(seed: int, *names: object) -> int:
    """A seed of its own for each part of a run, so that one more draw here never shifts the draws there.

    >>> derive_seed(0, "views") != derive_seed(0, "order")
    True
    """
    text = "|".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "little")


def numpy_rng(seed: int, *names: object) -> np.random.Generator:
    """A numpy generator for the part of a run that the names say."""
    return np.random.default_rng(derive_seed(seed, *names))


def torch_rng(seed: int, *names: object, device: str = "cpu") -> Any:
    """A torch generator for the part of a run that the names say."""
    import torch

    return torch.Generator(device=device).manual_seed(derive_seed(seed, *names))


@contextmanager
def seeded_init(seed: int) -> Iterator[None]:
    """Make torch's initialisers draw from `seed` inside the block, and give the global state back after it.

    torch.nn layers draw their first weights from the global generator; there is no argument for another one.
    """
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(derive_seed(seed, "init"))
        yield


def pick_device(name: str = "auto") -> str:
    """Resolve auto | cpu | cuda | cuda:N | mps to a device that is there."""
    import torch

    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    base, _, number = name.partition(":")
    check_choice("--device", base, ["auto", "cpu", "cuda", "mps"])
    if base == "cuda":
        count = torch.cuda.device_count()
        if not count or (number and not (number.isdigit() and int(number) < count)):
            raise bad("--device", repr(name), f"one of this machine's {count} CUDA devices", "Use --device cpu.")
    if base == "mps" and not has_mps:
        raise bad("--device", repr(name), "a machine with Apple's Metal", "Use --device cpu.")
    return name


def check_training_precision(name: str) -> None:
    """Refuse what a network does not learn in: another word than auto, fp32, bf16."""
    if name.partition(":")[0] == "int8":
        raise bad("--precision", repr(name), "auto, fp32 or bf16", "In int8 a network embeds, but does not learn.")
    check_choice("--precision", name, ["auto", "fp32", "bf16"])


def pick_precision(name: str, device: str, step: Callable[[], object] | None = None) -> str:
    """Resolve auto | fp32 | bf16: on CUDA bf16 where the card has it; on a CPU bf16 only where it measured faster.

    `step` runs one piece of the real work (the network, on a real batch shape); it is timed with and without
    bf16 autocast, three times each in turn, and bf16 must save at least a tenth. The answer may differ from one
    machine to another, so it is written in the run's card and a resumed run keeps it.
    """
    import torch

    check_training_precision(name)
    if name != "auto":
        return name
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device != "cpu" or step is None:
        return "fp32"
    spent: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(4):
        for low in (False, True):
            start = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=low):
                step()
            spent[low].append(time.perf_counter() - start)
    # the first pass of each warms caches up
    return "bf16" if min(spent[True][1:]) < 0.9 * min(spent[False][1:]) else "fp32"


def launch(device: str = "auto", precision: str = "fp32", devices: int | str = 1) -> Any:
    """Start Lightning Fabric on one device, on several, or as one of the processes that torchrun started."""
    from lightning_fabric import Fabric

    accelerator = pick_device(device).partition(":")[0]
    number = device.partition(":")[2]
    chosen: Any = [int(number)] if number else devices
    fabric = Fabric(
        accelerator={"cuda": "gpu"}.get(accelerator, accelerator),
        devices=chosen,
        num_nodes=processes.machines(),
        precision="bf16-mixed" if precision == "bf16" else "32-true",
    )
    fabric.launch()
    if fabric.world_size > 1:
        # or the group's threads may outlive the interpreter, which ends a finished run with an abort
        atexit.register(_leave_group)
    return fabric


def _leave_group() -> None:
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
