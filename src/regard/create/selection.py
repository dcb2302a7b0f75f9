"""What a network trained from labels says of the images held out, how sure it may be, and what a reader should know.

A run folder keeps two files of it: `held_out.safetensors` with `logits` (m, C) and `truth` (m,) or (m, C), and
`findings.json` with everything else that its page shows.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..backbones.encoder import evaluating
from ..core.checks import bad
from ..core.reading import MOST_ROWS
from ..core.records import listed, mapped, maybe, number, read_record, record, text, truth, whole
from ..core.runtime import numpy_rng
from ..core.storage import hash_bytes, load_tensors, save_tensors, write_json
from ..learning.batches import Feed
from ..learning.module import LearningModule, channels_last
from ..metrics.multilabel import permutation_p
from ..metrics.score_calibration import calibration_error
from ..metrics.temperature import fit_temperature, probabilities

ANSWERS, FINDINGS = "held_out.safetensors", "findings.json"
LEAST = 32  # images that a temperature is fitted on; of fewer it would say little
BINS = 15  # Guo et al. 2017, section 5
_FINDINGS = {
    "classes": listed(text, 1),
    "ids": listed(text, 1),
    "fitted": listed(truth, 1),
    "counts": mapped(listed(whole())),
    "parameters": mapped(whole()),
    "leaks": listed(
        record(
            probe=text,
            accuracy=record(mean=number(0, 1), low=maybe(number(0, 1)), high=maybe(number(0, 1)), n=whole()),
            chance=number(0, 1),
        )
    ),
    "notes": listed(text),
}


@dataclass(frozen=True, eq=False)
class Selection:
    """The held-out images' answers, and what is known beside.

    Attributes:
        classes: in the order of the columns.
        ids: (m,) of the images.
        logits: (m, C) float32.
        truth: (m,) places of the right classes; or (m, C) bool, several labels an image.
        fitted: (m,) bool, on which the temperature was fitted; the others judge it.
        temperature: None where there are too few images to fit one.
        counts: `train` and `held_out`: images of each class.
        parameters: `encoder` and `head`: how many numbers are learned; `features`: how many the head gets.
        leaks: what the probes found, as `leaks.Leak` writes it.
        notes: what a reader should know.
    """

    classes: tuple[str, ...]
    ids: np.ndarray
    logits: np.ndarray
    truth: np.ndarray
    fitted: np.ndarray
    temperature: float | None
    counts: dict[str, list[int]] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    leaks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def several(self) -> bool:
        """Whether an image has several labels."""
        return self.truth.ndim == 2

    def judged(self, calibrated: bool) -> tuple[np.ndarray, np.ndarray]:
        """Scores (k,) and whether right (k,), of the images that judge the temperature, before or after it.

        Of one label an image the score of the likeliest; of several those of all labels.
        """
        rows = ~self.fitted if self.temperature is not None else np.ones(len(self.ids), bool)
        p = probabilities(self.logits[rows], (self.temperature or 1.0) if calibrated else 1.0, self.several)
        if self.several:
            return p.ravel(), self.truth[rows].ravel()
        return p.max(axis=1), p.argmax(axis=1) == self.truth[rows]

    def scores(self) -> dict[str, float]:
        """`ece`, and where a temperature was fitted `ece_calibrated` and `temperature`; of several labels `p_value`."""
        found = {"ece": calibration_error(*self.judged(False), BINS)}
        if self.several and self.truth.any():
            found["p_value"] = permutation_p(self.truth, self.logits, numpy_rng(0, "labels dealt anew"))
        if self.temperature is not None:
            found |= {"ece_calibrated": calibration_error(*self.judged(True), BINS), "temperature": self.temperature}
        return found

    def write(self, folder: Path) -> None:
        """Write both files."""
        tensors = {"logits": torch.from_numpy(self.logits), "truth": torch.from_numpy(self.truth.astype(np.int64))}
        save_tensors(folder / ANSWERS, tensors)
        told = {
            "classes": list(self.classes),
            "ids": self.ids.tolist(),
            "fitted": self.fitted.tolist(),
            "temperature": self.temperature,
            **{name: getattr(self, name) for name in ("counts", "parameters", "leaks", "notes")},
        }
        write_json(folder / FINDINGS, told)

    @staticmethod
    def read(folder: Path) -> "Selection":
        """Read both files; raises InputError where they are damaged or do not belong together."""
        told = read_record(folder / FINDINGS, {**_FINDINGS, "temperature": maybe(number(0))}, most=MOST_ROWS)
        tensors = load_tensors(folder / ANSWERS)
        logits, right = (tensors[name].numpy() if name in tensors else np.zeros(0) for name in ("logits", "truth"))
        shape = (len(told["ids"]), len(told["classes"]))
        if logits.shape != shape or right.shape not in (shape, shape[:1]) or len(told["fitted"]) != shape[0]:
            raise bad(str(folder), f"answers {logits.shape} and truth {right.shape}", f"{shape}, as {FINDINGS} says")
        if right.ndim == 1 and not ((right >= 0) & (right < shape[1])).all():
            raise bad(str(folder / ANSWERS), "a class that is not there", "places of classes")
        return Selection(
            tuple(told["classes"]),
            np.array(told["ids"], np.str_),
            logits,
            right.astype(bool) if right.ndim == 2 else right,
            np.array(told["fitted"], bool),
            told["temperature"],
            **{name: told[name] for name in ("counts", "parameters", "leaks", "notes")},
        )


def select(module: LearningModule, feed: Feed, hashes: np.ndarray, precision: str = "fp32") -> Selection:
    """Ask a trained module about the held-out images, and fit the temperature on half of them.

    Args:
        module: whose objective has classes and `logits`.
        feed: of the held-out images.
        hashes: (m,) of their contents, by which the half is chosen: copies are on one side.
        precision: what the network runs in; bf16 is what it was scored in along the run.
    """
    logits, right, rows = _answers(module, feed, precision)
    hashes = hashes[rows]
    order = np.array([hash_bytes(f"calibrated|{name}".encode()) for name in hashes])
    fitted = order <= np.sort(order)[max(len(order) // 2 - 1, 0)]
    temperature, notes = None, []
    if min(fitted.sum(), (~fitted).sum()) >= LEAST:
        temperature = fit_temperature(logits[fitted], right[fitted])
    else:
        fitted[:] = False
        notes.append(
            f"{len(rows)} held-out images are too few to calibrate the probabilities with: from {2 * LEAST} on a "
            "temperature is fitted on half of them."
        )
    classes = tuple(module.objective.classes)
    return Selection(classes, feed.images.ids[rows], logits, right, fitted, temperature, notes=notes)


@torch.no_grad()
def _answers(module: LearningModule, feed: Feed, precision: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    device, objective = next(module.parameters()).device, module.objective
    logits, right, rows = [], [], []
    with evaluating(module), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for batch in feed.in_order(256):
            x = channels_last(batch.images.to(device).float() / 255)
            logits.append(objective.logits(module.encoder, module.head, x).float().cpu())
            right.append(batch.labels)
            rows.append(batch.rows)
    found = torch.cat(right).numpy()
    return torch.cat(logits).numpy(), found > 0.5 if found.ndim == 2 else found, torch.cat(rows).numpy()
