"""A linear classifier on a representation's vectors: kept in its folder, and what `predict` and `export` read.

The folder holds `classifier.safetensors` (`weight` (classes, d) and `bias` (classes,)); the card names the classes in
the order of the rows, and a checksum of the file together with that order, which gives the weights their meaning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_path
from ..core.storage import load_tensors, read_json, save_tensors
from . import checksums
from .representation import CLASSIFIER as FILE

KEY = "classifier"  # in the card
ANSWERS = "answers_by"  # in the card of a run that answers in another way: a name that says how


@dataclass(frozen=True, eq=False)
class Classifier:
    """Softmax of weight @ vector + bias.

    Attributes:
        weight: (classes, d).
        bias: (classes,).
        classes: their names, in the order of the rows.
    """

    weight: np.ndarray
    bias: np.ndarray
    classes: tuple[str, ...]

    def logits(self, vectors_ND: np.ndarray) -> np.ndarray:
        """(n, classes), in double precision, so that rounding does not depend on how many come at once."""
        if vectors_ND.ndim != 2 or vectors_ND.shape[1] != self.weight.shape[1]:
            raise bad("vectors", f"shape {vectors_ND.shape}", f"(n, {self.weight.shape[1]}), as the classifier learned")
        return vectors_ND.astype(np.float64) @ self.weight.T.astype(np.float64) + self.bias

    def probabilities(self, vectors_ND: np.ndarray) -> np.ndarray:
        """(n, classes) float32, rows sum to 1."""
        from scipy.special import softmax

        return softmax(self.logits(vectors_ND), axis=1).astype(np.float32)


def save_classifier(folder: str | Path, tensors: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Write `weight` and `bias` (torch tensors) into a folder, and return what its card shall hold under `KEY`."""
    folder, names = Path(folder), [str(name) for name in classes]
    save_tensors(folder / FILE, {name: tensors[name] for name in ("weight", "bias")})
    return {"file": FILE, "classes": names, "checksum": checksums.checksum(folder / FILE, names)}


def has_classifier(folder: str | Path) -> bool:
    """Whether a folder's card speaks of a classifier that the run answers by."""
    path = Path(folder) / "card.json"
    card = read_json(path) if path.is_file() else None
    return isinstance(card, dict) and KEY in card and ANSWERS not in card


def read_classifier(folder: str | Path, argument: str = "RUN", *, layer: bool = False) -> Classifier:
    """Read the classifier of a run's folder, whole and as it was written.

    Args:
        folder: of a run.
        argument: what to call it in a message.
        layer: read the linear layer of a run, too, that answers in another way (the nearest mean of exemplars).

    Raises:
        InputError: no such folder, one without a classifier, one that answers in another way, or a file or card that
            is damaged.
    """
    folder = check_path(argument, folder, folder=True)
    card = read_json(folder / "card.json") if (folder / "card.json").is_file() else None
    if not isinstance(card, dict) or KEY not in card:
        made = card.get("made_by") if isinstance(card, dict) else None
        raise bad(
            argument,
            f"{str(folder)!r}, which holds no classifier" + (f" ({made})" if isinstance(made, str) else ""),
            "a folder of `regard finetune` or `regard create --task labels`",
            f"Make one: regard finetune IMAGES --with {folder} --layers head --out RUN.",
        )
    if ANSWERS in card and not layer:
        way = str(card[ANSWERS])[:120]
        raise bad(
            argument,
            f"{str(folder)!r}, which does not answer by a linear classifier",
            "a folder that does",
            f"In Python: {way}.",
        )
    about = card[KEY]
    classes = about.get("classes") if isinstance(about, dict) else None
    if not (isinstance(classes, list) and classes and all(isinstance(name, str) for name in classes)):
        raise bad(f"{KEY} in {folder / 'card.json'}", repr(about)[:80], "the names of its classes", checksums.AGAIN)
    if "checksum" in about:
        checksums.check_file(folder, FILE, str(about["checksum"]), classes)
    tensors = {name: value.float().numpy() for name, value in load_tensors(folder / FILE).items()}
    weight, bias = (tensors.get(name, np.zeros(0)) for name in ("weight", "bias"))
    if weight.ndim != 2 or len(weight) != len(classes) or bias.shape != (len(classes),) or not weight.shape[1]:
        got = f"weights {weight.shape} and {bias.shape} for {len(classes)} classes"
        raise bad(str(folder / FILE), got, "`weight` (classes, d) and `bias` (classes,)", checksums.AGAIN)
    if len(set(classes)) < len(classes) or not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise bad(str(folder / FILE), "a class twice, or NaN", "different classes, finite weights", checksums.AGAIN)
    return Classifier(weight, bias, tuple(classes))
