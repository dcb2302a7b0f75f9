"""Memories in files: sealed safetensors with the samples, and in the header what else makes a memory go on alike."""

import json
from pathlib import Path
from typing import Any

import torch

from ..core.checks import InputError, bad
from ..core.reading import parsed
from ..core.storage import load_tensors, plain, read_header, save_tensors
from .memory import Kept, Memory, _order


def save_memory(path: str | Path, memory: Memory) -> None:
    """Write a memory, whole or not at all. Labels and ids must be text, numbers or None."""
    tensors = {}
    samples = []
    for place, one in enumerate(memory.kept):
        tensors[f"item/{place}"] = torch.from_numpy(one.item)
        if one.vector is not None:
            tensors[f"vector/{place}"] = torch.from_numpy(one.vector)
        samples.append([plain(one.label), plain(one.id), one.rank, one.nbytes])
    groups = [[plain(group), len(held)] for group, held in memory._groups.items()]
    for place, (_, total) in enumerate(memory._sums.values()):
        tensors[f"sum/{place}"] = torch.from_numpy(total)
    told = {
        "budget": memory.budget,
        "rule": memory.rule,
        "seed": memory.seed,
        "seen": memory.seen,
        "too_large": memory.too_large,
        "samples": samples,
        "groups": groups,
        "limits": [[plain(group), limit] for group, limit in memory._limit.items()],
        "bytes": [[plain(group), size] for group, size in memory._bytes.items()],
        "sums": [[plain(group), n] for group, (n, _) in memory._sums.items()],
        "generators": [memory._ranks.bit_generator.state, memory._draws.bit_generator.state],
    }
    save_tensors(path, tensors, {"memory": json.dumps(told)}, seal=True)


def load_memory(path: str | Path) -> Memory:
    """Read a memory, which goes on as the other would have.

    Raises:
        InputError: no such file, damaged, changed, or no memory's.
    """
    header, tensors = read_header(path), load_tensors(path)
    if "memory" not in header:
        raise bad("file", str(path), "a memory, as save_memory writes it")
    try:
        told = parsed(header["memory"], path)
        made = Memory(told["budget"], told["rule"], told["seed"])
        made.seen, made.too_large = told["seen"], told["too_large"]
        found = []
        for place, (label, name, rank, size) in enumerate(told["samples"]):
            vector = tensors.get(f"vector/{place}")
            own = None if vector is None else vector.numpy()
            found.append(Kept(tensors[f"item/{place}"].numpy(), label, name, rank, size, own))
        # the samples were written group by group, sorted; which group comes first among equals goes by the dictionary
        left = iter(found)
        held = {group: [next(left) for _ in range(count)] for group, count in sorted(told["groups"], key=_sorted)}
        made._groups = {group: held[group] for group, _ in told["groups"]}
        made._limit, made._bytes = dict(told["limits"]), dict(told["bytes"])
        made._sums = {group: (n, tensors[f"sum/{place}"].numpy()) for place, (group, n) in enumerate(told["sums"])}
        made._ranks.bit_generator.state, made._draws.bit_generator.state = told["generators"]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: no memory ({error})") from None
    return made


def _sorted(group: list[Any]) -> tuple[str, Any]:
    return _order(group[0])
