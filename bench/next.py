"""Are the verdicts of `regard next` honest? Simulated: how often one is false, where all candidates are alike in law.

    python bench/next.py [--trials 300] [--out FILE.json]

Each data set has 60 pictures of two classes and representations of 6 dimensions that show the same hidden signal under
noise of their own, so that none is truly better. A verdict "gain" or "loss" of one candidate is false. With five
candidates beside imagenet, a proposal is false where the best by the probe is called a gain, at the level after
Bonferroni. Bar for both: at most .07 of the data sets; 300 trials tell a rate of .05 to within .025.
"""

import argparse
from pathlib import Path

import numpy as np
from _table import finish

from regard.lifelong.evidence import cuts, probe_right
from regard.metrics.contrast import contrast

PICTURES, DIM, OTHERS, NOISE = 60, 6, 5, 2.0


def main() -> int:
    """Print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    false, proposed = [], []
    for trial in range(given.trials):
        rng = np.random.default_rng(trial)
        y = np.repeat([0, 1], PICTURES // 2)
        signal = rng.normal(size=(PICTURES, DIM)) + 0.6 * y[:, None]
        parts = cuts(y, seed=trial)
        base, *others = (
            probe_right(signal + NOISE * rng.normal(size=signal.shape), y, parts) for _ in range(OTHERS + 1)
        )
        false.append(contrast(others[0], base).verdict in ("gain", "loss"))
        best = max(others, key=lambda one: one.mean())
        proposed.append(contrast(best, base, level=1 - 0.05 / OTHERS).verdict == "gain")
    rows = [
        {"what": "false verdicts of one candidate", "value": float(np.mean(false)), "at_most": 0.07},
        {"what": "false proposals, the best of five", "value": float(np.mean(proposed)), "at_most": 0.07},
    ]
    return finish("next", rows, given.out)


if __name__ == "__main__":
    raise SystemExit(main())
