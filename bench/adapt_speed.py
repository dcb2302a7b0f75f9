"""Speed against skada and POT in one run: each method on the same data, in turns, each turn in a process of its own.

    python bench/adapt_speed.py [--sizes 1000 4000] [--repeats 3] [--limit 600] [--out FILE]

Generated: 10 classes as Gaussian clusters in 512 dimensions, the target scaled, turned a little and moved; n source and
n target samples. Timed on both sides: fit, then the map of both domains, imports apart; the same threads for both. A
peer that needs more than the limit is given that (">"). Same kernel, number of components, costs and penalties; the
peer's TJM stops after one round whatever it is asked (and fails with a linear kernel where there are more samples than
features), so ours is timed with ten rounds and with one. POT's exact plan gets the steps that it needs: at its default
of 100,000 it ends before the optimum. Bars: at least 2 for TCA and TJM, at least 0.95 ("not slower", allowing for noise
of 5 %) for subspace alignment, CORAL and transport. ADAPT is left out: it needs TensorFlow.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _peers import peers_python
from _table import finish

Settings = dict[str, Any]
FORM: Settings = {"normalize": False, "spread": 0}  # the published transport, as POT has it
# name: ours, settings; the peer's, settings; bar
PAIRS: dict[str, tuple[str, Settings, str, Settings, float]] = {
    "tca linear": (
        "tca",
        {"n_components": 30, "normalize": False},
        "TransferComponentAnalysisAdapter",
        {"kernel": "linear", "n_components": 30},
        2,
    ),
    "tca rbf": (
        "tca",
        {"n_components": 30, "normalize": False, "kernel": "rbf", "gamma": 1 / 512, "max_samples": 100_000},
        "TransferComponentAnalysisAdapter",
        {"kernel": "rbf", "n_components": 30},
        2,
    ),
    "tjm rbf, 10 rounds": (
        "tjm",
        {
            "n_components": 30,
            "normalize": False,
            "rounds": 10,
            "kernel": "rbf",
            "gamma": 1 / 512,
            "max_samples": 100_000,
        },
        "TransferJointMatchingAdapter",
        {"kernel": "rbf", "n_components": 30, "max_iter": 10},
        2,
    ),
    "tjm rbf, 1 round": (
        "tjm",
        {
            "n_components": 30,
            "normalize": False,
            "rounds": 1,
            "kernel": "rbf",
            "gamma": 1 / 512,
            "max_samples": 100_000,
        },
        "TransferJointMatchingAdapter",
        {"kernel": "rbf", "n_components": 30, "max_iter": 10},
        2,
    ),
    "subspace alignment": (
        "subspace",
        {"n_components": 50},
        "SubspaceAlignmentAdapter",
        {"n_components": 50},
        0.95,
    ),
    "coral": ("coral", {"reg": 0.1}, "CORALAdapter", {"reg": 0.1}, 0.95),
    "transport exact": (
        "transport",
        {**FORM, "regularization": "none", "cost": "max"},
        "ot.EMDTransport",
        {"norm": "max", "max_iter": 10_000_000},
        0.95,
    ),
    "transport entropic": (
        "transport",
        {**FORM, "regularization": "entropic", "cost": "max", "reg": 0.05},
        "ot.SinkhornTransport",
        {"norm": "max", "reg_e": 0.05},
        0.95,
    ),
    "transport group lasso": (
        "transport",
        {**FORM, "regularization": "group_lasso", "cost": "max", "reg": 0.05, "eta": 0.1},
        "ot.SinkhornL1l2Transport",
        {"norm": "max", "reg_e": 0.05, "reg_cl": 0.1},
        0.95,
    ),
    "transport lpl1": (
        "transport",
        {**FORM, "regularization": "lpl1", "cost": "max", "reg": 0.05, "eta": 0.1},
        "ot.SinkhornLpl1Transport",
        {"norm": "max", "reg_e": 0.05, "reg_cl": 0.1},
        0.95,
    ),
}


def data(n: int, folder: Path, d: int = 512, classes: int = 10) -> None:
    """Write Xs, ys, Xt for n samples of each domain."""
    rng = np.random.default_rng(0)
    centres = 2 * rng.normal(size=(classes, d)) / np.sqrt(d) * 4
    turn = np.linalg.qr(np.eye(d) + 0.05 * rng.normal(size=(d, d)) / np.sqrt(d))[0]
    ys, yt = rng.integers(classes, size=n), rng.integers(classes, size=n)
    np.save(folder / "Xs.npy", centres[ys] + rng.normal(size=(n, d)) * np.linspace(1.5, 0.1, d))
    np.save(folder / "ys.npy", ys)
    Xt = (centres[yt] + rng.normal(size=(n, d)) * np.linspace(1.5, 0.1, d)) @ turn * np.linspace(0.7, 1.4, d) + 0.3
    np.save(folder / "Xt.npy", Xt)


def ours(method: str, settings: Settings, folder: Path, repeats: int) -> None:
    """Print the seconds of each repeat of our method, in this process."""
    from regard.adapt.named import adapter

    Xs, ys, Xt = (np.load(folder / f"{name}.npy") for name in ("Xs", "ys", "Xt"))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        model = adapter(method, **settings, classifier=_Nothing())
        model.fit(Xs, ys, Xt)
        model.transform(Xs, "source"), model.transform(Xt)
        seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds))


def _Nothing() -> Any:
    """A classifier that costs nothing, as the peers' adapters have none."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier()


def timed(command: list[str], limit: float) -> list[float]:
    """The seconds that a process prints; the limit where it is over."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, cwd=Path(__file__).parent)
    except subprocess.TimeoutExpired:
        return [limit]
    if done.returncode:
        raise RuntimeError(f"{command[2:]}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> int:
    """Time all pairs; 1 where a ratio falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=600)
    parser.add_argument("--only", nargs="*", help="names, such as 'coral'")
    parser.add_argument("--data", help="not used; the data are generated")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--ours", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ours:
        ours(given.ours[0], json.loads(given.ours[1]), Path(given.ours[2]), int(given.ours[3]))
        return 0
    python, rows = peers_python(), []
    for n in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            data(n, Path(folder))
            for name, (method, settings, peer, peers, bar) in PAIRS.items():
                if given.only and name not in given.only:
                    continue
                mine, theirs = [], []
                for _ in range(given.repeats):
                    tail = [folder, "1"]
                    mine += timed(
                        [sys.executable, __file__, "--ours", method, json.dumps(settings), *tail], given.limit
                    )
                    theirs += timed([str(python), "_peers.py", peer, json.dumps(peers), *tail], given.limit)
                    if mine[-1] + theirs[-1] > 60:
                        break
                a, b = float(np.median(mine)), float(np.median(theirs))
                over = ">" if b >= given.limit else ""
                what = f"{name}, {n} + {n}: {peer} {over}{b:.3g} s, ours {a:.3g} s"
                rows.append({"what": what, "value": b / a, "unit": "x", "at_least": bar})
                print(f"{what}: {over}{b / a:.2f}x", file=sys.stderr, flush=True)
    return finish("adapt-speed", rows, given.out)


if __name__ == "__main__":
    raise SystemExit(main())
