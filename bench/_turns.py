"""Processes that work in turns: each takes a block of steps when it is asked, and stands still while another works."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Worker:
    """A process that works when it is asked, and else stands still.

    Args:
        command: a script of this folder and its arguments.
        python: the interpreter; None: this one.
    """

    def __init__(self, *command: object, python: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [str(python or sys.executable), *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )

    def said(self) -> Any:
        """The next line."""
        assert self.process.stdout is not None  # it is a pipe
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended with status {self.process.wait()}")
        return json.loads(line)

    def block(self) -> Any:
        """Seconds, processor seconds and mean loss of a block."""
        assert self.process.stdin is not None  # it is a pipe
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.said()

    def end(self) -> None:
        """Let it go."""
        assert self.process.stdin is not None  # it is a pipe
        self.process.stdin.close()
        self.process.wait()


def in_turns(workers: dict[str, Worker], repeats: int, told: Callable[[str], None]) -> dict[str, list[Any]]:
    """A block of each that warms up, then `repeats` of each, every second round in the other order; then all end."""
    found: dict[str, list[Any]] = {name: [] for name in workers}
    for turn in range(1 + repeats):
        for name, worker in list(workers.items())[:: 1 if turn % 2 else -1]:
            found[name].append(worker.block())
            told(f"{name}: {found[name][-1]}")
    for worker in workers.values():
        worker.end()
    return found
