"""Transport on pictures in another style: its defaults against the published form, source only, and what `auto` takes.

18 pairs of domains, vectors of the bundled `imagenet`: six ordered pairs of three styles of icons (no icon is on both
sides), and twelve of photo, art, cartoon and sketch (PACS). The target images of each pair are cut in two, by seed: on
one half the defaults of `transport` were chosen, one setting for all pairs (`--half choice` shows that half); on the
other half they are scored here. Each source is drawn as halves, cut anew for every two draws. A linear classifier
stands on every row but `published, own classifier`, which has the nearest neighbour that it came with.

Figures are means over pairs of accuracies in points; intervals (`regard.metrics.contrast`) hold the luck of target
images, each with its hits averaged over the pairs it is in, and of draws. Bars: the new defaults are above the
published ones, under either classifier, by intervals that leave 0 out; above source only less one point on every pair;
the regret of `auto` to the best of its candidates (by target labels, of each pair) is at most 3 points on average.

    python bench/adapt_transport_styles.py --data FOLDER [--draws 4] [--auto-draws 2] [--half report] [--out FILE]

FOLDER holds styles/{render3d,flat,line}/CLASS/ID.png and pacs_dev/DOMAIN/CLASS/*. About eight minutes of one core.
"""

import argparse
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from styles import icons

from regard.adapt.choose.auto import DEFAULT, Auto
from regard.adapt.named import adapter
from regard.adapt.worth.run import Comparison, compare
from regard.data.sources import open_images
from regard.metrics.contrast import Difference, contrast
from regard.representation.embed import embed
from regard.representation.embeddings import Embeddings

STYLES, PACS = ("render3d", "flat", "line"), ("art_painting", "cartoon", "photo", "sketch")
PUBLISHED = {"normalize": False, "reg": 0.05, "spread": 0.0}
SPLIT = 100  # seed of the cut into images to choose on and images to report on
Pairs = dict[str, tuple[Embeddings, Embeddings]]


def main() -> int:
    """Compare on every pair, print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--auto-draws", type=int, default=2)
    parser.add_argument("--half", choices=("report", "choice"), default="report")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    asked = pairs(given.data, given.half)
    table = rows(compared(asked, forms(), given.draws))
    if given.auto_draws:
        table += auto_rows(compared(asked, candidates(), given.auto_draws))
    return finish("adapt-transport-styles", table, given.out)


def forms() -> dict[str, Any]:
    """Transport by its defaults and as published, under a linear classifier and under its own."""
    return {
        "transport": adapter("transport", classifier="linear"),
        "published": adapter("transport", classifier="linear", **PUBLISHED),
        "published, own classifier": adapter("transport", **PUBLISHED),
    }


def candidates() -> dict[str, Any]:
    """What `auto` may take, and `auto`, under a linear classifier."""
    return {name: adapter(name, classifier="linear") for name in DEFAULT} | {"auto": Auto()}


def compared(asked: Pairs, arms: dict[str, Any], draws: int) -> dict[str, Comparison]:
    """The arms on every pair, on halves of the source."""
    found = {}
    for name, (source, target) in asked.items():
        found[name] = compare(source, target, arms, seeds=range(draws), share=0.5, shift_samples=50)
        told = "  ".join(f"{row.name} {100 * row.accuracy.mean:.1f}" for row in found[name].rows)
        choice = found[name].choice
        print(f"{name}: {told}; auto took {choice.name if choice else '-'}", file=sys.stderr, flush=True)
    return found


def pairs(folder: Path, which: str) -> Pairs:
    """The 18 pairs: source, and the half of the target's images that is asked for."""
    rng, found = np.random.default_rng(SPLIT), Pairs()
    styles = {}
    for style in STYLES:
        made = embed(icons(folder / "styles" / style), "imagenet")
        styles[style] = made.subset(np.argsort(made.columns["identity"]))
    chosen = half(styles["flat"].labels, rng, coins=True)
    asked = chosen if which == "choice" else ~chosen
    for a, b in permutations(STYLES, 2):
        found[f"{a} to {b}"] = styles[a].subset(~asked), styles[b].subset(asked)
    domains = {name: embed(open_images(folder / "pacs_dev" / name), "imagenet") for name in PACS}
    halves = {name: half(domains[name].labels, rng) for name in PACS}
    for a, b in permutations(PACS, 2):
        found[f"{a} to {b}"] = domains[a], domains[b].subset(halves[b] if which == "choice" else ~halves[b])
    return found


def half(labels: np.ndarray, rng: np.random.Generator, coins: bool = False) -> np.ndarray:
    """Which rows (n,) are in the drawn half of their class; with `coins` the half of an odd class may be the larger."""
    inside = np.zeros(len(labels), bool)
    for label in np.unique(np.asarray(labels).astype(str)):
        own = rng.permutation(np.flatnonzero(labels == label))
        inside[own[: len(own) // 2 + (coins and rng.random() < 0.5) * (len(own) % 2)]] = True
    return inside


def averaged(found: dict[str, Comparison], name: str) -> np.ndarray:
    """(draws, units): each target image's hits under an arm, meant over pairs, and weighted so that pairs count alike.

    Icons of all styles are one unit each, as they were drawn together; the images of each PACS domain are their own.
    """
    right = {pair: 100 * one.row(name).right for pair, one in found.items()}
    parts = [np.mean([right[f"{a} to {b}"] for a, b in permutations(STYLES, 2)], axis=0)]
    shares = [len(list(permutations(STYLES, 2)))]
    for b in PACS:
        parts.append(np.mean([right[f"{a} to {b}"] for a in PACS if a != b], axis=0))
        shares.append(len(PACS) - 1)
    units = sum(part.shape[1] for part in parts)
    weight = [share / sum(shares) * units / part.shape[1] for share, part in zip(shares, parts)]
    return np.concatenate([one * part for one, part in zip(weight, parts)], axis=1)


def rows(found: dict[str, Comparison]) -> list[dict[str, Any]]:
    """Transport against its published form and source only, with the bars."""
    table = means(found)
    for base in ("published", "published, own classifier", "source_only"):
        gain = _gain(found, "transport", base)
        table.append(_row(f"transport against {base}: {gain.verdict}", gain))
        if base != "source_only":
            table.append({"what": "  lower end of that interval", "value": gain.low, "at_least": 0})
    over = {
        pair: 100 * (one.row("transport").accuracy.mean - one.row("source_only").accuracy.mean)
        for pair, one in found.items()
    }
    worst = min(over, key=lambda pair: over[pair])
    table.append({"what": f"transport against source only, worst pair ({worst})", "value": over[worst], "at_least": -1})
    return table


def auto_rows(found: dict[str, Comparison]) -> list[dict[str, Any]]:
    """What `auto` gave, and its regret: how far it stays behind the best row of each pair, which target labels tell."""
    table = means(found)
    gain = _gain(found, "auto", "source_only")
    table.append(_row(f"auto against source only: {gain.verdict}", gain))
    regrets = {pair: 100 * one.regret for pair, one in found.items() if one.regret is not None}
    worst, mean = max(regrets, key=lambda pair: regrets[pair]), float(np.mean(list(regrets.values())))
    table.append({"what": "regret of auto, mean of pairs", "value": mean, "unit": "points", "at_most": 3})
    table.append({"what": f"regret of auto, worst pair ({worst})", "value": regrets[worst], "unit": "points"})
    return table


def means(found: dict[str, Comparison]) -> list[dict[str, Any]]:
    """The mean accuracy of every arm over the pairs."""
    table = []
    for name in [row.name for row in next(iter(found.values())).rows]:
        mean = float(np.mean([one.row(name).accuracy.mean for one in found.values()]))
        table.append({"what": f"mean of {len(found)} pairs: {name}", "value": 100 * mean, "unit": "%"})
    return table


def _gain(found: dict[str, Comparison], name: str, base: str) -> Difference:
    one, other = averaged(found, name), averaged(found, base)
    return contrast(one, other, share=0.5, halves=True, largest=np.inf)


def _row(what: str, found: Any) -> dict[str, Any]:
    return {"what": what, "value": found.mean, "unit": f"[{found.low:+.1f}, {found.high:+.1f}]"}


if __name__ == "__main__":
    raise SystemExit(main())
