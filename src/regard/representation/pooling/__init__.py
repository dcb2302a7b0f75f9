"""Pooling for instance search: maps (N, C, h, w) to one vector an image; one file a pooling, found by its name."""

from typing import Any


def __getattr__(name: str) -> Any:
    # loaded on first use: listing the poolings by name must not import torch
    if name == "multi_scale":
        from ._multi_scale import multi_scale

        return multi_scale
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
