"""A training run on disk: one safetensors file, replaced in one step, from which it goes on to the same numbers.

Weights, buffers and the optimisers' state are tensors; the rest is JSON in the file's header. As it is one file, a
kill at any moment leaves the checkpoint before or the one after, never a mixture. It is sealed: a run goes on only
from the numbers that were written.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.checks import InputError, RunError, bad
from ..core.reading import parsed
from ..core.records import anything, check_record, mapped, maybe, number, one_of, text, whole
from ..core.storage import load_tensors, plain, read_header, save_tensors

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"

# what a run's state holds, where it is in it; a checkpoint of an earlier version has no seal that speaks for it
_STATE = {
    "seconds": number(0),
    "flat": whole(),
    "precision": one_of("fp32", "bf16"),
    "about": mapped(anything),
    "main": text,
    "score": number(),
    "best": maybe(number()),
    "waited": whole(),
}


def save_checkpoint(
    path: Path,
    module: nn.Module,
    optimisers: Mapping[str, torch.optim.Optimizer],
    state: Mapping[str, Any],
    average: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write weights, buffers, the optimisers' state and a plain mapping; whole or not at all.

    `average` holds the average of the weights by name, where there is one.

    Raises:
        RunError: a weight is NaN or infinite. The checkpoint before stays.
    """
    tensors = {f"module/{name}": value for name, value in module.state_dict().items()}
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise RunError(
                f"weights: {name.removeprefix('module/')} holds NaN or infinity at step {state.get('step')}. "
                "Lower --lr, or set --clip 1, and run again: the run goes on from the checkpoint before."
            )
    for name, optimiser in optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"optim/{name}/{index}/{key}": v for key, v in values.items() if torch.is_tensor(v)}
    tensors |= {f"average/{name}": value for name, value in (average or {}).items()}
    save_tensors(path, tensors, {"state": json.dumps(plain(state))}, seal=True)


def load_checkpoint(
    path: Path,
    module: nn.Module,
    optimisers: Mapping[str, torch.optim.Optimizer],
    average: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, Any]:
    """Put a checkpoint's weights and optimiser state in place, and return the plain mapping saved with them.

    The tensors of `average` get the values that were saved with them.

    Raises:
        InputError: the file is broken, or holds another network or other optimisers.
    """
    state = read_state(path)
    try:
        tensors = load_tensors(path)
    except InputError as error:
        raise _unreadable(path, error) from None
    own = {f"module/{name}": value for name, value in module.state_dict().items()}
    held = {name: value for name, value in tensors.items() if name.startswith("module/")}
    if held.keys() != own.keys() or any(held[name].shape != value.shape for name, value in own.items()):
        raise bad(str(path), "weights of another network", "the weights of this run", "Name another --out.")
    module.load_state_dict({name.removeprefix("module/"): value for name, value in held.items()})
    try:
        for name, value in (average or {}).items():
            value.copy_(tensors[f"average/{name}"])
        _restore(optimisers, tensors)
    except (IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:  # no names or shapes of these
        raise _unreadable(path, error) from None
    return state


def _restore(optimisers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, torch.Tensor]) -> None:
    for name, optimiser in optimisers.items():
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        restored: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"optim/{name}/"):
                index, what = key.removeprefix(f"optim/{name}/").split("/")
                like = parameters[int(index)]
                # in the parameter's own memory layout, so that the next step adds in the same order to the last bit
                restored.setdefault(int(index), {})[what] = (
                    torch.empty_like(like).copy_(value) if value.shape == like.shape and value.ndim else value
                )
        optimiser.load_state_dict(optimiser.state_dict() | {"state": restored})


def read_state(path: Path) -> dict[str, Any]:
    """Read only the plain mapping of a checkpoint; raises InputError where the file is broken or was changed."""
    try:
        state = parsed(read_header(path)["state"], path)
        there = {key: check for key, check in _STATE.items() if isinstance(state, dict) and key in state}
        return check_record(str(path), state, {"step": whole()} | there)
    except (InputError, KeyError) as error:
        raise _unreadable(path, error) from None


def read_best(path: Path) -> float | None:
    """The main score of the best weights so far; None where there are none yet, or of an earlier version."""
    score = read_state(path).get("score") if path.exists() else None
    return None if score is None else float(score)


def _unreadable(path: Path, error: Exception) -> InputError:
    return bad(str(path), "a file that cannot be read", "a checkpoint", f"Delete it to start anew ({error})")


def refuse_other(argument: str, where: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise InputError that names each setting in which a run differs from the one that `where` holds.

    >>> refuse_other("--out", Path("run"), {"lr": 0.1, "seed": 0}, {"lr": 0.2, "seed": 0})
    Traceback (most recent call last):
    regard.core.checks.InputError: --out: 'run' holds a run with other settings: lr was 0.1, now 0.2. Give the \
same settings to go on with it, or name another folder.
    """
    old, new = plain(before), plain(now)
    differ = [
        f"{key} was {old.get(key, 'not given')}, now {new.get(key, 'not given')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if differ:
        raise InputError(
            f"{argument}: {str(where)!r} holds a run with other settings: {'; '.join(differ)}. "
            "Give the same settings to go on with it, or name another folder."
        )
