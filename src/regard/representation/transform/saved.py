"""Transforms on disk: JSON that names the steps, and a safetensors file of their numbers beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import bad, check_choice, check_path
from ...core.records import listed, maybe, read_record, text
from ...core.storage import hash_tensors, inside, load_tensors, read_json, save_tensors, write_json
from .learned import LearnedWhiten
from .pca import PCAWhiten
from .steps import L2, Chain, Power, Step

CARD, FORMAT = "transform.json", 1
_KINDS: dict[str, type[Step]] = {step.kind: step for step in (L2, Power, PCAWhiten, LearnedWhiten)}


def save(step: Step, folder: str | Path) -> Path:
    """Write a step or a chain to `transform.json` and a safetensors file beside it; an older pair goes when it stands.

    The JSON names the file by its content and comes last, so that at any moment the pair that it names is whole.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = tensors_of(step)
    name = _name(tensors)
    save_tensors(folder / name, tensors)
    kinds = [inner.kind for inner in _chain(step).steps]
    write_json(folder / CARD, {"regard_transform": FORMAT, "steps": kinds, "tensors": name})
    for other in folder.glob("transform-*.safetensors"):
        if other.name != name:
            other.unlink(missing_ok=True)
    return folder


def files(folder: str | Path) -> list[str]:
    """The names of the two files that `save` wrote."""
    return [CARD, str(read_json(Path(folder) / CARD)["tensors"])]


def tensors_of(step: Step) -> dict[str, Any]:
    """The numbers of a step or a chain as torch tensors, by name."""
    import torch

    return {name: torch.from_numpy(np.array(value)) for name, value in _chain(step).state().items()}


def load(folder: str | Path) -> Chain:
    """Read what `save` wrote.

    Raises:
        InputError: no such folder, damaged files, numbers that are not those the file is named by, a newer format.
    """
    path = check_path("transform", folder, folder=True)
    card = read_record(check_path("transform", path / CARD, folder=False), {"steps": maybe(listed(text, 1))})
    if not isinstance(card.get("tensors"), str):
        raise bad("transform", str(path / CARD), "a file that save wrote")
    if card.get("regard_transform") != FORMAT:
        raise bad("transform", f"format {card.get('regard_transform')}", f"format {FORMAT}", "Update regard.")
    file = inside(path, card["tensors"])
    tensors = load_tensors(file)
    if file.name != _name(tensors):
        raise bad("transform", f"{file}, whose numbers were changed since", "what save wrote", "Learn it again.")
    try:
        found = chain_of({name: value.numpy() for name, value in tensors.items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise bad("transform", f"{file} ({error})", "what save wrote", "Learn it again.") from None
    if card.get("steps") is not None and card["steps"] != [step.kind for step in found.steps]:
        raise bad("transform", f"{path / CARD}, which names other steps", "what save wrote", "Learn it again.")
    return found


def chain_of(state: Mapping[str, np.ndarray]) -> Chain:
    """The chain whose `state` this was."""
    parts: dict[tuple[int, str], dict[str, np.ndarray]] = {}
    for key, value in state.items():
        place, _, rest = key.partition(".")
        kind, _, name = rest.partition(".")
        if not (place.isascii() and place.isdigit() and len(place) < 9):
            raise bad("state", repr(key), "names as PLACE.KIND.FIELD")
        parts.setdefault((int(place), check_choice("kind", kind, _KINDS)), {}).update({name: value} if name else {})
    return Chain(tuple(_KINDS[kind].from_state(parts[place, kind]) for place, kind in sorted(parts)))


def _name(tensors: Mapping[str, Any]) -> str:
    return f"transform-{hash_tensors(tensors)[:12]}.safetensors"


def _chain(step: Step) -> Chain:
    return step if isinstance(step, Chain) else Chain((step,))
