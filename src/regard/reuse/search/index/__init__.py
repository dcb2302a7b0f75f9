"""A collection of images on disk: made, opened, brought up to date."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    # when it is asked for, since searching, which it does, reads what lies in this folder
    if name == "SearchIndex":
        return import_module(".search_index", __name__).SearchIndex
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
