"""Answers that are kept: a JSON file a cell, named by a hash of all that decides it, so that none is worked out twice.

A cell is one arm, with one number of labels, of one seed, in one way. A comparison that is killed goes on with the next
cell, and one with a further arm, seed or number of labels asks for the new cells alone. Numbers are written as Python
writes them, so that they come back to the last bit.
"""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.records import listed, mapped, maybe, number, read_record, text, whole
from ...core.storage import hash_json, write_json
from .contract import Answered, Asked, Task

VERSION = 1  # of what is kept
RECORD = {
    "scores": mapped(listed(maybe(number()))),
    "chosen": maybe(number()),
    "seconds": number(0),
    "mib": maybe(number(0)),
    "parameters": whole(),
    "notes": listed(text),
}


@dataclass(frozen=True)
class Cell:
    """An answer with the memory that it took.

    Attributes:
        answer: what the task said.
        mib: peak memory of the process while it was worked out; None where the system does not tell.
    """

    answer: Answered
    mib: float | None


@dataclass(frozen=True)
class Cells:
    """The answers of a folder.

    Attributes:
        folder: where they are, and where unfinished work lies.
    """

    folder: Path

    def file(self, name: str, task: Task, asked: Asked, fingerprint: str) -> Path:
        """Where the answer to a question is kept; `fingerprint` is its representation's."""
        decides: dict[str, Any] = {
            "version": VERSION,
            "task": name,
            "about": dict(task.about),
            "content": asked.sides.content,
            "rows": asked.rows.tolist(),
            "representation": fingerprint,
            "seed": asked.seed,
            "way": asked.way,
            "steps": asked.steps,
            "size": asked.size,
            "device": asked.device.partition(":")[0],
        }
        return self.folder / f"{name}-{asked.way}-{len(asked.rows)}-{hash_json(decides)}.json"

    def read(self, file: Path) -> Cell | None:
        """The answer that is kept; None where there is none."""
        if not file.is_file():
            return None
        told = read_record(file, RECORD)
        scores = {name: np.array(one, dtype=float) for name, one in told["scores"].items()}
        notes = tuple(told["notes"])
        return Cell(Answered(scores, told["chosen"], told["seconds"], told["parameters"], notes), told["mib"])

    def work_out(self, file: Path, task: Task, asked: Asked, told: Mapping[str, object]) -> Cell:
        """Ask the task, keep the answer and give it; `told` stands in the file for whoever reads it."""
        work = self.folder.parent / "work" / file.stem
        forget_peak()
        answer = task.answer(asked, work)
        cell = Cell(answer, recent_peak())
        kept = {"scores": dict(answer.scores), "chosen": answer.chosen, "seconds": answer.seconds, "mib": cell.mib}
        more = {"parameters": answer.parameters, "notes": list(answer.notes), "seed": asked.seed}
        write_json(file, {**told, "way": asked.way, "labels": len(asked.rows), **more, **kept})
        shutil.rmtree(work, ignore_errors=True)
        return cell


def forget_peak() -> None:
    """Let the peak of memory begin anew; elsewhere than on Linux nothing happens."""
    if sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:  # a kernel or a sandbox that does not allow it
            return


def recent_peak() -> float | None:
    """Peak resident memory in MiB since `forget_peak`; None elsewhere than on Linux."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith("VmHWM:")), None)
    return round(int(found[1]) / 1024, 1) if found and found[1].isdigit() else None
