"""What every arm of an evaluation is measured with: the same images, classifiers, draws and budgets."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.runtime import numpy_rng
from ..data.imageset import ImageSet
from ..data.sampling import few_shot
from ..learning.batches import Feed
from ..learning.objective import Split
from ..learning.settings import TrainSettings
from ..metrics.collapse import effective_rank, feature_spread
from ..metrics.knn import unit
from ..metrics.retrieve import ap_at_k
from ..representation.embeddings import Embeddings
from ..representation.preprocess import Preprocess
from ..representation.representation import Representation
from ..reuse.finetune import finetune
from ..reuse.logistic import fit_logistic
from ..reuse.probe import probe, probe_layers

LAST = "pooled"  # the vector that the network gives its own classifier
SHUFFLES = 5  # how often labels are dealt anew for the control
_CHUNK = 512  # queries ranked at once


class Measured(NamedTuple):
    """One network: scores by measure, (test images,) or (draws, test images), figures by name, and the best layer."""

    scores: dict[str, np.ndarray]
    figures: dict[str, np.ndarray]
    best: str


@dataclass
class Bench:
    """What all arms are measured with."""

    known: Split
    shots: tuple[int, ...]
    layers: bool
    steps: int  # of fine-tuning; 0: none
    seeds: int
    seed: int
    device: str
    notes: list[str] = field(default_factory=list)
    feeds: dict[Preprocess, tuple[Feed, Feed]] = field(default_factory=dict)

    def feed(self, preprocess: Preprocess) -> tuple[Feed, Feed]:
        """Images of both sides, decoded once for all arms."""
        if preprocess not in self.feeds:
            self.feeds[preprocess] = (Feed(self.known.train, preprocess), Feed(self.known.held_out, preprocess))
        return self.feeds[preprocess]

    def measure(self, rep: Representation, noted: bool = False) -> Measured:
        """All but fine-tuning; `noted` keeps what the probe has to say."""
        sides = [
            {name: _embeddings(vectors, images, rep, name) for name, vectors in _vectors(rep, feed, self).items()}
            for images, feed in zip((self.known.train, self.known.held_out), self.feed(rep.preprocess))
        ]
        train, test = (side.pop(LAST) for side in sides)
        truth = test.need_labels("TEST", 1)
        found = probe(train, test, seed=self.seed)
        if noted:
            self.notes += [note for note in found.notes if note not in self.notes]
        scores = {"linear": found.predictions["linear"] == truth, "knn": found.predictions["knn"] == truth}
        best = LAST
        if self.layers:
            inner = probe_layers(sides[0], sides[1], seed=self.seed).by_layer if sides[0] else {}
            # the last layer comes first and so wins a tie: it is what a user takes
            rated = {LAST: found, **inner}
            best = max(rated, key=lambda name: rated[name].settings["cv_accuracy"])
            scores["linear_best"] = rated[best].predictions["linear"] == truth
        for shot in self.shots:
            scores[f"linear_{shot}shot"] = self._few(train, test, shot)
        if np.unique(truth, return_counts=True)[1].max() > 1:  # else there is nothing to find
            first, ap = retrieved(test.vectors, truth)
            scores |= {"recall_at_1": first, "map": ap}
        figures = {
            "effective_rank": np.array(effective_rank(test.vectors)),
            "feature_spread": np.array(feature_spread(test.vectors)),
            "shuffled": self._shuffled(train, test, found.settings["penalty"]),
        }
        return Measured({name: np.asarray(one, float) for name, one in scores.items()}, figures, best)

    def _few(self, train: Embeddings, test: Embeddings, shot: int) -> np.ndarray:
        """(draws, test) whether each test image was named; all arms learn from the same draws."""
        labels, truth = train.need_labels("TRAIN"), test.need_labels("TEST", 1)
        right = []
        for draw in range(self.seeds):
            few = train.subset(few_shot(labels, shot, self.seed + draw))
            model = fit_logistic(few.vectors, few.need_labels("TRAIN"), groups=few.columns.get("identity"), seed=draw)
            right.append(model.predict(test.vectors) == truth)
        return np.stack(right)

    def _shuffled(self, train: Embeddings, test: Embeddings, penalty: float) -> np.ndarray:
        """Accuracy on TEST after learning labels that were dealt anew, (deals,)."""
        labels, truth = train.need_labels("TRAIN"), test.need_labels("TEST", 1)
        found = []
        for deal in range(SHUFFLES):
            dealt = numpy_rng(self.seed, "shuffled labels", deal).permutation(labels)
            model = fit_logistic(train.vectors, dealt, penalty=penalty)
            found.append(float(np.mean(model.predict(test.vectors) == truth)))
        return np.array(found)

    def tuned(self, rep: Representation, turn: int) -> np.ndarray:
        """(test,) which test images are right after fine-tuning; `turn` draws the head and the order."""
        settings = TrainSettings(
            steps=self.steps, seed=self.seed + turn, device=self.device, precision="fp32", eval_every=self.steps
        )
        with tempfile.TemporaryDirectory() as folder:
            found = finetune(
                self.known.train,
                self.known.held_out,
                rep,
                out=Path(folder) / "tuned",
                backbone_lr_factor=1.0,
                settings=settings,
            )
        return found.predictions == found.labels


def retrieved(vectors: np.ndarray, labels: np.ndarray, chunk: int = _CHUNK) -> tuple[np.ndarray, np.ndarray]:
    """Each vector as a query among the others, by cosine; relevant is what has its label.

    Returns:
        (n,) whether the first hit is relevant, and (n,) average precision over all ranks; NaN for a query that has
        nothing to find.

    >>> right, ap = retrieved(np.array([[1, 0], [1, 0.1], [0, 1]]), np.array(["a", "a", "b"]))
    >>> right.tolist(), ap.tolist()
    ([1.0, 1.0, nan], [1.0, 1.0, nan])
    """
    directions, n = unit(np.asarray(vectors, np.float64)), len(vectors)
    first, precisions = [], []
    for start in range(0, n, chunk):
        rows = np.arange(start, min(start + chunk, n))
        cosine = directions[rows] @ directions.T
        cosine[np.arange(len(rows)), rows] = -np.inf  # the query itself comes last, and is cut off
        order = np.argsort(-cosine, axis=1, kind="stable")[:, : n - 1]
        marks = labels[order] == labels[rows, None]
        first.append(np.where(marks.any(axis=1), marks[:, 0], np.nan))
        precisions.append(ap_at_k(marks))
    return np.concatenate(first), np.concatenate(precisions)


@torch.inference_mode()
def _vectors(rep: Representation, feed: Feed, bench: Bench) -> dict[str, np.ndarray]:
    """Averages of the maps by layer, then the pooled vectors, from one pass over the images where these are the last.

    A last map whose average is the pooled vector is not given twice.
    """
    encoder = rep.encoder.to(bench.device).eval()
    parts: dict[str, list[Tensor]] = {}
    same: bool | None = None
    for batch in feed.in_order(128):
        x = batch.images.to(bench.device).float() / 255
        maps = [one.mean((2, 3)) for one in encoder.maps(x)] if bench.layers else []
        if same is None:
            pooled = encoder.pooled(x)
            last = maps[-1] if maps else None
            same = last is not None and last.shape == pooled.shape and torch.allclose(last, pooled, 1e-4, 1e-5)
        else:
            pooled = maps[-1] if same else encoder.pooled(x)
        names = [info.module for info in encoder.feature_info]
        for name, found in [*zip(names[: -1 if same else None], maps), (LAST, pooled)]:
            parts.setdefault(name, []).append(found.float().cpu())
    return {name: torch.cat(found).numpy() for name, found in parts.items()}


def _embeddings(vectors: np.ndarray, images: ImageSet, rep: Representation, layer: str) -> Embeddings:
    columns = {"identity": images.columns["identity"]} if "identity" in images.columns else {}
    card = {"representation": rep.name, "layer": layer}
    return Embeddings(vectors, images.ids, images.labels, card, columns)
