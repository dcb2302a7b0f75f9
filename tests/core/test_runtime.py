import ctypes
import subprocess
import sys

import numpy as np
import pytest
import torch

from regard.core import runtime
from regard.core.checks import InputError


def test_seeds_of_parts_are_independent_and_stable():
    assert runtime.derive_seed(0, "views") == runtime.derive_seed(0, "views")
    seeds = {runtime.derive_seed(s, n, i) for s in range(3) for n in ("views", "order") for i in range(3)}
    assert len(seeds) == 18
    assert runtime.numpy_rng(1, "a").random() == runtime.numpy_rng(1, "a").random()
    same = [torch.rand(3, generator=runtime.torch_rng(1, "a")) for _ in range(2)]
    assert torch.equal(*same)


def test_seeded_init_gives_the_global_state_back():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    with runtime.seeded_init(0):
        first = torch.nn.Linear(2, 2).weight.clone()
    assert torch.equal(torch.rand(2), expected)
    with runtime.seeded_init(0):
        assert torch.equal(torch.nn.Linear(2, 2).weight, first)


def test_device_and_precision_names():
    assert runtime.pick_device("cpu") == "cpu"
    with pytest.raises(InputError, match="--device"):
        runtime.pick_device("gpu")
    with pytest.raises(InputError, match="--precision"):
        runtime.pick_precision("fp8", "cpu")
    assert runtime.pick_precision("bf16", "cpu") == "bf16"
    assert runtime.pick_precision("auto", "cpu") == "fp32"


def test_precision_is_bf16_only_where_it_is_faster(monkeypatch):
    clock = iter(np.cumsum([0, 1] * 100, dtype=float))
    monkeypatch.setattr(runtime.time, "perf_counter", lambda: next(clock))
    assert runtime.pick_precision("auto", "cpu", lambda: None) == "fp32"  # both take the same
    now = [0.0]

    def step():
        now[0] += 1.0 if torch.is_autocast_enabled("cpu") else 2.0

    monkeypatch.setattr(runtime.time, "perf_counter", lambda: now[0])
    assert runtime.pick_precision("auto", "cpu", step) == "bf16"


def test_cost_counts_time_and_memory():
    with runtime.measured() as cost:
        sum(range(10000))
    assert cost.seconds > 0 and cost.peak_mib > 10
    assert set(cost.as_dict()) == {"seconds", "cpu_seconds", "peak_mib"}


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc only")
def test_freed_memory_is_taken_again_without_asking_the_system_for_each_page():
    # in a process of its own, without huge pages: with them, or in a heap with large gaps, nothing is asked for anyway
    code = """
import ctypes, resource, torch
from regard.core.runtime import kept_memory
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.zeros(2**23).add_(1)  # 32 MiB, 8,192 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
with kept_memory():
    with kept_memory():
        faults()
    kept = faults()
print(kept, faults())
"""
    kept, asked = map(int, subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.split())
    assert kept < 1000 < asked
