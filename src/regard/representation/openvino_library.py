"""OpenVINO itself: imported in silence, one core a process, and what this processor can do."""

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.storage import cache_folder, hash_bytes
from .processor import allowed, features

TRACED = 2  # counts ways of tracing: a graph that an earlier one made is not used


@lru_cache(maxsize=1)
def library() -> Any:
    """OpenVINO, imported so that it reports nothing: by itself it tells a server of every import and conversion."""
    # without this package OpenVINO takes its own stand-in, which does nothing
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@lru_cache(maxsize=1)
def core() -> Any:
    """The one OpenVINO core of this process."""
    return library().Core()


@lru_cache(maxsize=1)
def has_bf16() -> bool:
    """Whether this processor computes in bf16 (AVX-512 BF16 or AMX), and oneDNN is not kept from it."""
    return allowed("bf16") and "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def machine() -> str:
    """A short name for the processor and what oneDNN may use of it: what was measured on it holds for it alone."""
    name = core().get_property("CPU", "FULL_DEVICE_NAME")
    return hash_bytes(f"{name}{'' if allowed('AMX') else features()}".encode())[:8]


def folder() -> Path:
    """Where graphs are kept: one folder a version of OpenVINO, and of how networks are traced for it."""
    return cache_folder() / "openvino" / f"{library().__version__.split('-')[0]}-{TRACED}"
