"""What the processor computes fast: the instructions that decide which precision is quick on it.

Read from Linux's list of flags; elsewhere nothing is known. `ONEDNN_MAX_CPU_ISA`, by which oneDNN (and so OpenVINO) is
kept from the newer instructions, counts here too: what it leaves out is not there.
"""

import os
from functools import lru_cache
from pathlib import Path

# the words of /proc/cpuinfo by what they mean for a network
_FLAGS = {
    "AVX2": {"avx2"},
    "AVX-512": {"avx512f"},
    "VNNI": {"avx512_vnni", "avx_vnni"},
    "bf16": {"avx512_bf16", "amx_bf16"},
    "AMX": {"amx_tile"},
}
# what oneDNN's names let through, from the oldest on
_CAPS = {
    "SSE41": (),
    "AVX": (),
    "AVX2": ("AVX2",),
    "AVX2_VNNI": ("AVX2", "VNNI"),
    "AVX2_VNNI_2": ("AVX2", "VNNI"),
    "AVX512_CORE": ("AVX2", "AVX-512"),
    "AVX512_CORE_VNNI": ("AVX2", "AVX-512", "VNNI"),
    "AVX512_CORE_BF16": ("AVX2", "AVX-512", "VNNI", "bf16"),
    "AVX512_CORE_FP16": ("AVX2", "AVX-512", "VNNI", "bf16"),
}


@lru_cache(maxsize=1)
def features() -> tuple[str, ...]:
    """Those of AVX2, AVX-512, VNNI, bf16 and AMX that this process may use; empty where they are not known."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    there = next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
    return tuple(name for name, words in _FLAGS.items() if words & there and allowed(name))


def allowed(name: str) -> bool:
    """Whether `ONEDNN_MAX_CPU_ISA` leaves a feature in; a word that is not known leaves all in, as oneDNN has it."""
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "")).upper()
    return name in _CAPS.get(cap, _FLAGS)


def int8_is_the_way() -> bool:
    """Whether int8 is what this processor has beyond fp32: VNNI without bf16."""
    return "VNNI" in features() and "bf16" not in features()
