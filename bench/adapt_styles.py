"""Icons in three drawing styles, all six pairs, with the bundled `imagenet`: every method, `auto`, and its regret.

    python bench/adapt_styles.py --data FOLDER [--draws 3] [--methods NAME ...] [--out FILE.json]

FOLDER holds styles/{render3d,flat,line}/CLASS/ID.png. In each draw half of the icons are the source (in one style), the
other half the target (in another style), so that no icon stands on both sides. A linear classifier is on top of every
row. Target labels score; no method and no choice sees them. Rows are means over draws; `oracle choice` is the best
method of each pair and draw by target labels, what `auto` could have reached at most; `oracle` learned from target
labels in cross-validation. Bar: over the six pairs, `auto` is not below source only by more than 1 point on average,
and the same for the worst pair is shown.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from styles import icons

from regard.adapt.worth.run import compare
from regard.core.discover import load, names
from regard.data.sampling import split
from regard.metrics.intervals import over_seeds
from regard.representation.embed import embed

STYLES = ("render3d", "flat", "line")
PAIRS = [(a, b) for a in STYLES for b in STYLES if a != b]


def main() -> int:
    """Run all pairs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--by", default="circular")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    images = {style: icons(given.data / "styles" / style) for style in STYLES}
    vectors = {style: embed(images[style], "imagenet") for style in STYLES}
    free = [name for name in names("adapt") if not load("adapt", name).needs_target_labels]
    methods = given.methods or free
    table: dict[str, dict[tuple[str, str], list[float]]] = {}
    chosen: dict[tuple[str, str], list[str]] = {}
    for a, b in PAIRS:
        for seed in range(given.draws):
            half, _ = split(images[a], 0.5, seed, by="identity")
            inside = [np.isin(images[s].columns["identity"], half.columns["identity"]) for s in (a, b)]
            source, target = vectors[a].subset(inside[0]), vectors[b].subset(~inside[1])
            found = compare(source, target, methods, seeds=[seed], auto=True, shift_samples=50)
            best = max(row.accuracy.mean for row in found.rows if row.name not in ("oracle", "auto"))
            figures = {row.name: row.accuracy.mean for row in found.rows} | {"oracle choice": best}
            for name, value in figures.items():
                table.setdefault(name, {}).setdefault((a, b), []).append(100 * value)
            assert found.choice is not None
            chosen.setdefault((a, b), []).append(found.choice.name)
        print(f"{a} to {b}: auto took {', '.join(chosen[a, b])}", flush=True)
    head = [f"{a[:6]}>{b[:6]}" for a, b in PAIRS]
    print(f"{'accuracy, %':<16}" + "".join(f"{one:>15}" for one in head) + f"{'mean':>9}")
    for name, cells in sorted(table.items(), key=lambda item: np.mean([np.mean(v) for v in item[1].values()])):
        means = [np.mean(cells[pair]) for pair in PAIRS]
        print(f"{name:<16}" + "".join(f"{mean:15.2f}" for mean in means) + f"{np.mean(means):9.2f}")
    return finish("adapt-styles", rows(table, given.draws), given.out)


def rows(table: dict[str, Any], draws: int) -> list[dict[str, Any]]:
    """The figures with bars: auto against source only, and its regret, with Student's intervals over the draws."""

    def over_pairs(name: str) -> np.ndarray:
        return np.mean([table[name][pair] for pair in PAIRS], axis=0)

    gain, regret = over_pairs("auto") - over_pairs("source_only"), over_pairs("oracle choice") - over_pairs("auto")
    worst = min(np.mean(table["auto"][pair]) - np.mean(table["source_only"][pair]) for pair in PAIRS)
    found = [
        {
            "what": "auto over source only, mean of six pairs",
            "value": gain.mean(),
            "unit": _range(gain),
            "at_least": -1,
        },
        {"what": "auto over source only, worst pair", "value": worst, "unit": "points"},
        {"what": "regret of auto to the oracle choice", "value": regret.mean(), "unit": _range(regret)},
    ]
    for name in table:
        values = over_pairs(name)
        found.append({"what": f"mean of six pairs: {name}", "value": values.mean(), "unit": _range(values)})
    return found


def _range(values: np.ndarray) -> str:
    return over_seeds(values).told(digits=1)


if __name__ == "__main__":
    raise SystemExit(main())
