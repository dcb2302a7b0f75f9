"""A virtual environment of its own for libraries that ours is compared with, and the script that runs there.

    bench-peers/bin/python _peers.py METHOD SETTINGS FOLDER REPEATS     prints the seconds of each repeat as JSON

FOLDER holds Xs.npy, ys.npy, Xt.npy. Timed: fit, then transform of the source (and of the target, where the peer maps
it). This file imports nothing of regard.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

PINNED = ("skada==0.6.0", "POT==0.9.7.post1")


def peers_python() -> Path:
    """The interpreter of the peers' environment, made on first use (a few minutes) under the cache folder."""
    cache = Path(os.environ.get("REGARD_CACHE", Path.home() / ".cache" / "regard"))
    python = cache / "bench-peers" / "bin" / "python"
    if subprocess.run([python, "-c", "import skada, ot"], capture_output=True).returncode if python.exists() else True:
        print(f"making {python.parent.parent} with {', '.join(PINNED)}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED], check=True)
    return python


def run(method: str, settings: dict, Xs, ys, Xt) -> None:  # noqa: ANN001
    """Fit a peer's method and map both domains."""
    import numpy as np

    if method.startswith("ot."):
        import ot

        model = getattr(ot.da, method[3:])(**settings)
        model.fit(Xs=Xs, ys=ys, Xt=Xt)
        model.transform(Xs=Xs)
        return
    from skada import _mapping, _subspace  # the adapters behind skada's pipelines

    adapter = getattr(_subspace if hasattr(_subspace, method) else _mapping, method)(**settings)
    X, domain = np.concatenate([Xs, Xt]), np.repeat([1, -2], [len(Xs), len(Xt)])
    y = np.concatenate([ys, np.full(len(Xt), -1)])
    adapter.fit_transform(X, y, sample_domain=domain)


if __name__ == "__main__":
    import numpy as np

    method, settings, folder, repeats = sys.argv[1:5]
    Xs, ys, Xt = (np.load(Path(folder) / f"{name}.npy") for name in ("Xs", "ys", "Xt"))
    seconds = []
    for _ in range(int(repeats)):
        start = time.perf_counter()
        run(method, json.loads(settings), Xs, ys, Xt)
        seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds))
