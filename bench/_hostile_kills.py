"""Kills at random moments: what was acknowledged is there, a rerun gives what an unkilled run gives, nothing is left.

Each verb runs in a child forked after the imports, as its own process group, and gets SIGKILL after a random part of
the time that it takes unkilled. Then the same command runs again to its end.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _hostile_folders import told
from _hostile_kinds import pictures
from safetensors.numpy import load_file

from regard.cli import main
from regard.core.storage import read_json
from regard.representation.embeddings import Embeddings
from regard.reuse.duplicates.groups import decide, read_decisions
from regard.reuse.search.index.search_index import SearchIndex

VERBS = ("decisions", "embed", "index", "whiten", "create", "finetune")


def kills(work: Path, many: int, seed: int) -> Iterator[tuple[str, str]]:
    """A verb and what came of killing it, `many` times in turn: `equal`, or what is wrong."""
    rng, images = np.random.default_rng(seed), pictures(work / "kill images", seed, 24)
    clean: dict[str, tuple[bytes, float]] = {}
    for turn in range(many):
        verb = VERBS[turn % len(VERBS)]
        if verb not in clean:
            clean[verb] = _whole(verb, work / "clean" / verb, images)
        folder = work / "killed" / f"{turn}"
        shutil.rmtree(folder, ignore_errors=True)
        wanted, seconds = clean[verb]
        pid = _begun(verb, folder, images)
        time.sleep(float(rng.uniform(0, seconds)))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        said = _kept_what_it_said(verb, folder)
        if not said:
            try:
                found, _ = _whole(verb, folder, images)
                said = "equal" if found == wanted else "different"
            except RuntimeError as error:
                # a run that was killed after its last file was written is whole, and what is whole is not overwritten
                whole = "which is there already" in str(error) and _result(verb, folder) == wanted
                said = "equal" if whole else f"raw {error}"
        left = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.name.endswith((".tmp", ".old"))]
        shutil.rmtree(folder, ignore_errors=True)
        yield verb, f"left over: {left[0]}" if said == "equal" and left else said


def _whole(verb: str, folder: Path, images: Path) -> tuple[bytes, float]:
    """Run to the end, and give what came out and how long it took."""
    begun = time.monotonic()
    pid = _begun(verb, folder, images)
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - begun
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError((folder / "said").read_text(errors="replace")[-300:])
    return _result(verb, folder), seconds


def _begun(verb: str, folder: Path, images: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        os.environ["REGARD_CACHE"] = str(folder / "cache")
        told_to = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(told_to, 1)
        os.dup2(told_to, 2)
        code = _decide(folder) if verb == "decisions" else main([*_command(verb, folder, images), "-q"])
    finally:
        os._exit(code)


def _command(verb: str, folder: Path, images: Path) -> list[str]:
    out, rep = str(folder / "out"), ["--with", "random:convnet4"]
    cpu = ["--device", "cpu", "--precision", "fp32"]
    return {
        "embed": ["embed", str(images), *rep, "--out", f"{out}.parquet", *cpu],
        "index": ["index", str(images), *rep, "--out", out, "--overwrite", *cpu],
        "whiten": ["whiten", str(images), *rep, "--dim", "4", "--check", "0", "--out", out, *cpu],
        "create": ["create", str(images), "--task", "rotation", "--steps", "12", "--batch", "4", "--out", out, *cpu],
        "finetune": ["finetune", str(images), *rep, "--steps", "8", "--batch", "4", "--out", out, *cpu],
    }[verb]


def _decide(folder: Path) -> int:
    """Forty decisions, each noted once it is acknowledged."""
    done = len((folder / "acknowledged").read_text().split()) if (folder / "acknowledged").exists() else 0
    with open(folder / "acknowledged", "a", encoding="utf-8") as note:
        for i in range(done, 40):
            decide(folder / "decisions.json", f"{i:032x}", f"{i + 100:032x}", ("same", "different")[i % 2])
            note.write(f"{i}\n")
            note.flush()
    return 0


def _kept_what_it_said(verb: str, folder: Path) -> str:
    if verb != "decisions" or not (folder / "acknowledged").exists():
        return ""
    said = (folder / "acknowledged").read_text().split()
    known = read_decisions(folder / "decisions.json")
    gone = [i for i in said if (f"{int(i):032x}", f"{int(i) + 100:032x}") not in known]
    return f"lost: decision {gone[0]} of {len(said)}" if gone else ""


def _result(verb: str, folder: Path) -> bytes:
    out = folder / "out"
    result: dict[str, Callable[[], Any]] = {
        "decisions": lambda: sorted(read_decisions(folder / "decisions.json").items()),
        "embed": lambda: _vectors(Embeddings.load(f"{out}.parquet")),
        "index": lambda: _of_index(out),
        "whiten": lambda: _weights(out),
        "create": lambda: (_weights(out), _figures(out)),
        "finetune": lambda: (_weights(out), _figures(out)),
    }
    return told(result[verb]())


def _vectors(e: Embeddings) -> Any:
    return e.ids.tolist(), e.vectors.tobytes(), None if e.labels is None else e.labels.tolist()


def _of_index(out: Path) -> Any:
    """In a child of its own, since its library begins threads."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            index = SearchIndex.open(out)
            rows = index.store.get(["a/0.png", "b/1.png"], ["id", "vector"])
            os.write(write, told(len(index), sorted(map(str, rows.to_pylist()))))
        finally:
            os._exit(0)
    os.close(write)
    found = os.read(read, 64)
    os.close(read)
    os.waitpid(pid, 0)
    if not found:
        raise RuntimeError("the index cannot be opened")
    return found


def _weights(out: Path) -> Any:
    files = sorted(path for path in out.glob("*.safetensors"))
    return [(path.name, {k: v.tobytes() for k, v in sorted(load_file(path).items())}) for path in files]


def _figures(out: Path) -> Any:
    return {k: v for k, v in read_json(out / "metrics.json").items() if "second" not in k}
