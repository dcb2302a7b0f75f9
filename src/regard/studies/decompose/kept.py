"""Answers of a learner that are kept: a JSON file each, named by a hash of all that decides it.

A decomposition that was stopped goes on with the next question, and one with more cuts asks for the new ones alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.records import listed, number, read_record
from ...core.storage import hash_json, write_json
from .plan import Learner, Question

VERSION = 1  # of what is kept
RECORD = {"mistakes": listed(listed(number(0, 1), 1), 1)}


@dataclass(frozen=True)
class Kept:
    """The answers of a folder.

    Attributes:
        folder: where they are; None keeps nothing.
        content: a hash of all samples and labels.
        named: what capacities and lengths are called: their places alone may mean another thing another time.
    """

    folder: Path | None
    content: str
    named: tuple[tuple[str, ...], tuple[str, ...]]

    def ask(self, learner: Learner, question: Question) -> np.ndarray:
        """The mistakes (lengths, images), known already or found now."""
        if self.folder is None:
            return learner(question)
        capacities, lengths = self.named
        decides: Mapping[str, Any] = {
            "version": VERSION,
            "about": dict(learner.about),
            "content": self.content,
            "rows": question.rows.tolist(),
            "capacity": capacities[question.capacity],
            "lengths": [lengths[place] for place in question.lengths],
            "seed": question.seed,
        }
        file = self.folder / f"{len(question.rows)}-{hash_json(decides)}.json"
        if file.is_file():
            return np.array(read_record(file, RECORD)["mistakes"], dtype=float)
        found = learner(question)
        told = {key: decides[key] for key in ("capacity", "lengths", "seed")}
        mistakes = [[int(one) if one in (0, 1) else one for one in row] for row in found.tolist()]
        write_json(file, {**told, "samples": len(question.rows), "mistakes": mistakes})
        return found
