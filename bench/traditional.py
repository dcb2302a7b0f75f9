"""The traditional pipeline: is it fast, and are bags of words, Fisher vectors and a deep network in the known order?

1. Fisher encoding of 52,600 descriptors of 80 numbers with 256 Gaussians, against `skimage.feature.fisher_vector`; and
   dense SIFT (5 scales, a step of 4 pixels, a picture of 500 x 375) against OpenCV's `SIFT.compute` on the same grid
   with bins as wide. One thread each, in turns, by processor time, which other work on the machine changes least; the
   figure is the middle of the ratios of neighbouring turns.
2. Icons in three drawing styles, photographs of 7 classes (PACS), and 65 pictures of the 6 landmarks that have at least
   4: `bag_of_words` and `fisher`, each as `regard create` fits it to the training half alone, and the bundled
   `imagenet`; the linear probe on each, its penalty cross-validated on the training half. Several halves are drawn;
   intervals hold the luck of images (of icons, which are in three styles) and of draws, which share a half. Bars: bags
   of words < Fisher < imagenet; the engine's verdict stands beside each difference. Nothing is chosen on a test half:
   settings are those of the tasks, but for 50,000 descriptors in place of 250,000.

    python bench/traditional.py [--data FOLDER] [--draws 5] [--on "pacs_dev photo" ...] [--jobs 2] [--out FILE]

FOLDER holds styles/STYLE/CLASS/ID.png, pacs_dev/photo/CLASS/* and landmarks_mini/LANDMARK/*; without it part 1 alone.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from _table import finish
from skimage.feature import fisher_vector
from sklearn.mixture import GaussianMixture
from styles import icons
from threadpoolctl import threadpool_limits

from regard.backbones.networks.phow import SCALES, Phow
from regard.create.run import train
from regard.data.builtin import photos
from regard.data.decode import decode
from regard.data.imageset import ImageSet
from regard.data.sampling import split
from regard.data.sources import open_images
from regard.learning.settings import TrainSettings
from regard.representation.embed import embed
from regard.representation.pooling.fisher import fisher
from regard.representation.representation import Representation
from regard.reuse.probe import probe
from regard.studies.experiment import Arm, Design, Experiment

GAUSSIANS, NUMBERS, DESCRIPTORS = 256, 80, 52_600
WIDE, HIGH = 500, 375
TURNS = 7
STYLES = ("flat", "line", "render3d")
ARMS = ("bag_of_words", "fisher", "imagenet")
DATA = ("styles", "pacs_dev photo", "landmarks_mini")
FIRST = 20  # of the draws


def main() -> int:
    """Time, score, print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--on", nargs="+", choices=DATA, default=list(DATA), help="the data sets")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        rows = [*encoding(), *describing()]
    if given.data:
        rows += ordered(given.data.resolve(), given.on, given.draws, given.jobs)
    return finish("traditional", rows, given.out)


def in_turns(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float, float]:
    """Middle of the ratios theirs / ours of neighbouring turns, and the middle seconds of each, after a first turn."""
    seconds: dict[Callable[[], Any], list[float]] = {ours: [], theirs: []}
    for turn in range(1 + TURNS):
        for run in (ours, theirs) if turn % 2 else (theirs, ours):
            started = time.process_time()
            run()
            if turn:
                seconds[run].append(time.process_time() - started)
    ratios = np.array(seconds[theirs]) / np.array(seconds[ours])
    return float(np.median(ratios)), float(np.median(seconds[ours])), float(np.median(seconds[theirs]))


def encoding() -> list[dict[str, Any]]:
    """Fisher encoding against scikit-image's, and how far apart the two are where their definitions agree."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(DESCRIPTORS, NUMBERS)).astype(np.float32)
    weights = rng.dirichlet(np.full(GAUSSIANS, 5.0))
    means, variances = rng.normal(size=(GAUSSIANS, NUMBERS)), rng.uniform(0.5, 1.5, (GAUSSIANS, NUMBERS))
    mixture = GaussianMixture(GAUSSIANS, covariance_type="diag")
    mixture.weights_, mixture.means_, mixture.covariances_ = weights, means, variances
    mixture.precisions_cholesky_ = 1 / np.sqrt(variances)
    given = [torch.from_numpy(one) for one in (weights, means, variances)]

    def ours() -> torch.Tensor:
        with torch.inference_mode():
            return fisher(torch.from_numpy(x)[None], *given)[0]

    def theirs() -> np.ndarray:
        return fisher_vector(x, mixture, improved=True)

    made, other = ours().double().numpy(), theirs()[GAUSSIANS:]  # without their gradients by the weights
    other[GAUSSIANS * NUMBERS :] *= -1  # their gradients by the variances have the opposite sign
    apart = float(np.abs(made - other / np.linalg.norm(other)).max())
    ratio, own, peer = in_turns(ours, theirs)
    return [
        {"what": "Fisher encoding: largest difference to scikit-image", "value": apart, "at_most": 1e-6},
        {"what": "Fisher encoding: processor seconds", "value": own, "unit": f"scikit-image {peer:.3f}"},
        {"what": "Fisher encoding: times as fast as scikit-image", "value": ratio, "at_least": 1.4},
    ]


def describing() -> list[dict[str, Any]]:
    """Dense SIFT against OpenCV's on a grid."""
    picture = cv2.resize(decode(photos().items[0]).permute(1, 2, 0).numpy(), (WIDE, HIGH), interpolation=cv2.INTER_AREA)
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    grey, network, sift = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), Phow().eval(), cv2.SIFT_create()
    grid = keypoints()

    def ours() -> torch.Tensor:
        with torch.inference_mode():
            return network.forward_features(x)

    def theirs() -> np.ndarray:
        return sift.compute(grey, grid)[1]

    made = ours().unflatten(1, (len(SCALES), -1))
    count = made[:, :, 0].numel()
    assert len(theirs()) == count == len(grid)
    ratio, own, peer = in_turns(ours, theirs)
    return [
        {"what": "dense SIFT: descriptors of a picture of 500 x 375", "value": count},
        {"what": "dense SIFT: processor seconds", "value": own, "unit": f"OpenCV {peer:.3f}"},
        {"what": "dense SIFT: times as fast as OpenCV on a grid", "value": ratio, "at_least": 15},
    ]


def keypoints() -> list[cv2.KeyPoint]:
    """The same places, upright; OpenCV's bins are 3 / 2 of a keypoint's size wide, so that bins are as wide as ours."""
    rows, columns = (np.arange(-(-side // 4)) * 4 + 1.5 for side in (HIGH, WIDE))
    return [
        cv2.KeyPoint(float(column), float(row), 2 * scale / 3, 0.0)
        for scale in SCALES
        for row in rows
        for column in columns
    ]


def ordered(data: Path, names: list[str], draws: int, jobs: int) -> list[dict[str, Any]]:
    """Accuracy of each arm on each data set, and the two differences with their verdicts."""
    work = [(name, part, FIRST + draw) for name in names for part in parts(name) for draw in range(draws)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(scored, [data] * len(work), *zip(*work)))
    rows = []
    for name in names:
        marks = {arm: np.stack([_draw(work, found, name, FIRST + one, arm) for one in range(draws)]) for arm in ARMS}
        asked = ~np.isnan(marks[ARMS[0]]).all(axis=0)  # images that were in a test half
        marks = {arm: value[:, asked] for arm, value in marks.items()}
        engine = Experiment({arm: Arm(arm, {"linear": marks[arm]}) for arm in ARMS}, design=Design(share=0.5))
        for arm in ARMS:
            rows.append(_row(f"{name}: {arm}", engine.value(arm, "linear")))
        for lower, upper in zip(ARMS, ARMS[1:]):
            ahead = engine.contrast(upper, lower, "linear")
            row = _row(f"{name}: {upper} ahead of {lower}: {ahead.verdict}", ahead.difference)
            rows.append(row | {"at_least": 1e-9})
    return rows


def _draw(work: list[Any], found: list[dict[str, np.ndarray]], name: str, seed: int, arm: str) -> np.ndarray:
    """(n,) how often the arm was right on each image over the parts of a data set; NaN for the training half."""
    several = np.stack([one[arm] for key, one in zip(work, found) if (key[0], key[2]) == (name, seed)])
    return np.where(np.isnan(several[0]), np.nan, np.nan_to_num(several).mean(axis=0))


def parts(name: str) -> tuple[str, ...]:
    """The styles, whose icons are the same; else one part."""
    return STYLES if name == "styles" else ("",)


def opened(data: Path, name: str, part: str) -> ImageSet:
    """A data set, its images in the order of their names, which are those of the icons."""
    found = icons(data / "styles" / part) if name == "styles" else open_images(data / name.replace(" ", "/"))
    if name == "landmarks_mini":  # a probe needs two of each class on either side
        labels, counts = np.unique(found.need_labels(), return_counts=True)
        found = found.subset(np.flatnonzero(np.isin(found.need_labels(), labels[counts >= 4])))
    names = found.columns["identity"] if name == "styles" else found.ids
    return found.subset(np.argsort(names))


def scored(data: Path, name: str, part: str, seed: int) -> dict[str, np.ndarray]:
    """Arm -> (n,) whether the probe was right on each image of the test half; NaN for the training half."""
    torch.set_num_threads(1)
    images = opened(data, name, part)
    known, test = split(images, 0.5, seed, by="identity" if name == "styles" else None)
    rows = np.searchsorted(images.ids, test.ids, sorter=np.argsort(images.ids))
    rows = np.argsort(images.ids)[rows]
    marks = {}
    for arm in ARMS:
        with tempfile.TemporaryDirectory(prefix="traditional-") as work:
            rep = fitted(arm, known, Path(work)) if arm != "imagenet" else Representation.load(arm)
            found = probe(embed(known, rep), embed(test, rep), classifier="linear", seed=seed)
        marks[arm] = np.full(len(images), np.nan)
        marks[arm][rows] = found.predictions["linear"] == test.need_labels()
    print(f"{name} {part} {seed}: " + ", ".join(f"{k} {np.nanmean(v):.3f}" for k, v in marks.items()), file=sys.stderr)
    return marks


def fitted(task: str, known: ImageSet, folder: Path) -> Representation:
    """As `regard create` fits it, without labels."""
    settings = TrainSettings(device="cpu", threads=1)
    return train(known.without_labels(), task, out=folder / task, settings=settings, method={"descriptors": 50_000})


def _row(what: str, found: Any) -> dict[str, Any]:
    return {"what": what, "value": 100 * found.mean, "unit": found.told(100, 1)}


if __name__ == "__main__":
    raise SystemExit(main())
