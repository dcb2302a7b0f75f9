"""Learners on frozen vectors in files: sealed safetensors with the method, its settings and what it learned."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import InputError, bad, check_choice
from ..core.discover import load, names
from ..core.reading import parsed
from ..core.storage import load_tensors, plain, read_header, save_tensors
from .frozen._common import Learner


def learner(name: str, **settings: Any) -> Learner:
    """Make a learner on frozen vectors by its name.

    Raises:
        InputError: no such method or setting; the nearest name is given.

    >>> learner("slda", shrinkage=0.1)
    SLDA(shrinkage=0.1)
    """
    method = load("frozen", name)
    for setting in settings:
        check_choice(f"setting of {name}", setting, sorted(method().get_params(deep=False)))
    made: Learner = method(**settings)
    return made


def save_learner(path: str | Path, model: Learner) -> None:
    """Write a learner, whole or not at all.

    Raises:
        InputError: a learner that no name of the kind `frozen` gives.
    """
    import torch

    known = [name for name in names("frozen") if load("frozen", name) is type(model)]
    if not known:
        raise bad("model", type(model).__name__, "a learner of regard.lifelong.frozen or of an installed package")
    arrays = model.state()
    classes = arrays.pop("classes", np.empty(0, np.int64))
    # a mapping has keys that JSON would make text of
    settings = {
        name: {"pairs": [[key, value] for key, value in given.items()]} if isinstance(given, Mapping) else given
        for name, given in model.get_params(deep=False).items()
    }
    told = {
        "method": known[0],
        "settings": json.dumps(plain(settings)),
        "classes": json.dumps(classes.tolist()),
        "labels": classes.dtype.str,
    }
    save_tensors(path, {name: torch.from_numpy(value) for name, value in arrays.items()}, told, seal=True)


def load_learner(path: str | Path) -> Learner:
    """Read a learner, which goes on where the other was.

    Raises:
        InputError: no such file, damaged, changed, or not a learner's.
    """
    told = read_header(path)
    if not {"method", "settings", "classes", "labels"} <= told.keys():
        raise bad("file", str(path), "a learner, as save_learner writes it")
    method = load("frozen", told["method"])
    arrays = {name: tensor.numpy() for name, tensor in load_tensors(path).items()}
    try:
        settings = {
            name: dict(given["pairs"]) if isinstance(given, dict) else given
            for name, given in parsed(told["settings"], path).items()
        }
        if arrays:
            arrays["classes"] = np.array(parsed(told["classes"], path), dtype=np.dtype(told["labels"]))
        made: Learner = method.from_state(arrays, **settings)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None
    return made
