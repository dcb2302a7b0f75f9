"""What an encoder is worth for a task, whatever was learned before: a fresh probe of the task's own kind.

`classify`: a linear layer on the vectors of the task's images (`reuse.logistic`), accuracy on its test part.
`retrieve`: mean average precision of the test part by its vectors; nothing is fitted. `segment`: a linear layer on the
maps, the network frozen (Oquab et al. 2023), mean IoU on the test part. So a score is there for every task after every
task, before it is learned as well.

A task that is learned without labels has none to fit with: of its test part each half is scored by a layer that was
fitted on the other one.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.checks import check_number
from ...data.imageset import ImageSet, concatenate
from ...learning.run import read_metrics
from ...learning.settings import TrainSettings
from ...representation.representation import Representation
from ...reuse.dense.train import train_events
from ...reuse.logistic import fit_logistic
from .contract import Asked, found_again

NAN = float("nan")
Vectors = Callable[[ImageSet], np.ndarray]  # (n, d) of n images


@dataclass(frozen=True)
class Fresh:
    """How fresh probes are made.

    Attributes:
        steps: of the linear layer on maps, in batches of 8.
        size: side of the squares that pictures to be segmented are brought to, in pixels.
        seed: of folds, order and first weights.
        device, precision: as `TrainSettings` has them.
    """

    steps: int = 200
    size: int = 128
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        check_number("--probe-steps", self.steps, 1, whole=True)
        check_number("--size", self.size, 32, 4096, whole=True)

    def score(self, asked: Asked, representation: Representation, vectors: Vectors, folder: Path) -> float:
        """The score of a task's kind on its test part.

        Args:
            asked: the task's parts.
            representation: the encoder as it is now.
            vectors: its vectors.
            folder: of the run, for what is trained meanwhile; nothing stays there.

        Returns:
            NaN where there is nothing to tell apart: one class, or no two images of one label.
        """
        if asked.kind == "retrieve":
            return found_again(vectors(asked.test), asked.test.need_labels("TEST", 1).astype(str))
        if asked.kind == "segment":
            return self._segmented(asked, representation, folder)
        if asked.labelled:
            return self.linear(asked, vectors)
        X, y = vectors(asked.test), asked.test.need_labels("TEST", 1).astype(str)
        half = halves(y)
        return _mean(
            [
                (
                    _linear(X[half != one], y[half != one], X[half == one], y[half == one], self.seed),
                    int((half == one).sum()),
                )
                for one in (0, 1)
            ]
        )

    def linear(self, asked: Asked, vectors: Vectors) -> float:
        """Accuracy of a linear layer; NaN with one class, or where classes are tested that no label teaches."""
        labels = np.concatenate([one.need_labels("TRAIN", 1).astype(str) for one in asked.train])
        truth = asked.test.need_labels("TEST", 1).astype(str)
        if set(truth.tolist()) - set(labels.tolist()):
            return NAN
        X = np.concatenate([vectors(one) for one in asked.train])
        return _linear(X, labels, vectors(asked.test), truth, self.seed)

    def _segmented(self, asked: Asked, representation: Representation, folder: Path) -> float:
        found = []
        for place, (train, test) in enumerate(_parts(asked)):
            where = folder / "probing" / str(place)
            settings = TrainSettings(
                steps=self.steps,
                batch=min(8, len(train)),
                eval_every=self.steps,
                seed=self.seed,
                device=self.device,
                precision=self.precision,
            )
            told = train_events(
                train,
                test,
                representation,
                out=where,
                what="semantic",
                head="linear",
                size=self.size,
                layers="head",
                augment=False,
                settings=settings,
                resume=False,
            )
            for _ in told:
                pass
            miou = read_metrics(where, {})["miou"]
            found.append((NAN if miou is None else float(miou), len(test)))
        shutil.rmtree(folder / "probing", ignore_errors=True)
        return _mean(found)


def halves(labels: np.ndarray) -> np.ndarray:
    """(n,) of 0 and 1: of each label every other image.

    >>> halves(np.array(["a", "a", "b", "a", "b"])).tolist()
    [0, 1, 0, 0, 1]
    """
    found = np.zeros(len(labels), np.int64)
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        found[rows] = np.arange(len(rows)) % 2
    return found


def _parts(asked: Asked) -> Iterator[tuple[ImageSet, ImageSet]]:
    if asked.labelled:
        yield (asked.train[0] if len(asked.train) == 1 else concatenate(asked.train)), asked.test
    elif len(asked.test) > 1:
        half = np.arange(len(asked.test)) % 2
        for one in (0, 1):
            yield asked.test.subset(np.flatnonzero(half != one)), asked.test.subset(np.flatnonzero(half == one))


def _linear(X: np.ndarray, y: np.ndarray, tested: np.ndarray, truth: np.ndarray, seed: int) -> float:
    if len(np.unique(y)) < 2 or not len(truth):
        return NAN
    return float(np.mean(fit_logistic(X, y, seed=seed).predict(tested) == truth))


def _mean(found: list[tuple[float, int]]) -> float:
    """Over images."""
    known = [(score, many) for score, many in found if np.isfinite(score)]
    return float(np.average([score for score, _ in known], weights=[many for _, many in known])) if known else NAN
