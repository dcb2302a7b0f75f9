"""What labelled pictures say of a representation in a few seconds: a short probe by cross-validation, and LogME and co.

The probe: logistic regression with one fixed penalty, so that nothing is chosen, fitted to two thirds of the pictures
and asked about the third that is left; five cuts into thirds, the same for every representation, with pictures of one
thing never on both sides. Each picture so has five answers, right or wrong. Nothing of the network learns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.checks import bad
from ..core.runtime import numpy_rng
from ..data.imageset import ImageSet
from ..metrics.intervals import Interval, accuracy_interval
from ..representation.embed import embed
from ..representation.representation import Representation
from ..reuse.logistic import WITHOUT_CHOICE, fit_logistic, held_out_rows
from ..reuse.transfer_scores import transfer_scores

CUTS, FOLDS = 5, 3


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was found of one representation.

    Attributes:
        right: (cuts, pictures) of the probe: 1 right, 0 wrong; pictures that no cut leaves out are not among them.
        units: (pictures,) which thing each shows; None where each shows another.
        scores: `probe` (the mean of `right`), `knn`, `logme`, `h_score`, `leep` (None without a classifier).
        dim: length of its vectors.
    """

    right: np.ndarray
    units: np.ndarray | None
    scores: Mapping[str, float | None]
    dim: int

    @property
    def probe(self) -> Interval:
        """The probe's accuracy with its 95 % interval over pictures and cuts."""
        return accuracy_interval(self.right, self.units)


def cuts(labels: np.ndarray, groups: np.ndarray | None = None, seed: int = 0) -> list[list[np.ndarray]]:
    """The rows that are left out together, by cut; classes of one picture (or thing) are always learned from.

    Raises:
        InputError: no class has two pictures, or pictures of two things.
    """
    found = [held_out_rows(labels, groups, FOLDS, seed + cut) for cut in range(CUTS)]
    if not all(found):
        what = "picture" if groups is None else "thing"
        raise bad(
            "TASK",
            f"one {what} of each class",
            f"two {what}s of a class at least, so that one can be learned from and the other asked about",
            "Label a few more; five a class say something.",
        )
    return found


def probe_right(vectors: np.ndarray, labels: np.ndarray, parts: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Whether each picture is named rightly when it is left out: (cuts, n), NaN where it never is.

    Args:
        vectors: (n, d).
        labels: (n,).
        parts: as `cuts` gives them.
    """
    right = np.full((len(parts), len(labels)), np.nan)
    for at, folds in enumerate(parts):
        for rows in folds:
            learned = np.ones(len(labels), bool)
            learned[rows] = False
            model = fit_logistic(vectors[learned], labels[learned], penalty=WITHOUT_CHOICE)
            right[at, rows] = model.predict(vectors[rows]) == labels[rows]
    return right


def gather(
    rep: Representation,
    images: ImageSet,
    parts: Sequence[Sequence[np.ndarray]],
    groups: np.ndarray | None = None,
    heads: Sequence[str | Path] = (),
    device: str = "cpu",
    cache: bool = True,
) -> Evidence:
    """Embed labelled pictures in fp32 and gather the evidence.

    Args:
        rep: the representation.
        images: with labels; every one can be read.
        parts: as `cuts` gives them.
        groups: (n,) which thing each picture shows.
        heads: folders whose classifier is one on these vectors, for LEEP.
        device: where the network runs.
        cache: vectors are taken from the cache, and kept there.
    """
    labels = images.need_labels("TASK")
    vectors = embed(images, rep, precision="fp32", device=device, cache=cache).vectors
    if len(vectors) != len(labels):
        raise bad(
            "TASK", f"{len(labels) - len(vectors)} picture(s) that {rep.name} cannot embed", "pictures that it can"
        )
    right = probe_right(vectors, labels, parts)
    asked = ~np.isnan(right).all(axis=0)
    right = right[:, asked]
    scores = {"probe": float(np.nanmean(right)), **transfer_scores(rep, vectors, labels, heads)}
    return Evidence(right, None if groups is None else groups[asked], scores, vectors.shape[1])


def some(images: ImageSet, most: int, seed: int = 0) -> ImageSet:
    """At most so many labelled pictures, each class in its share to within one, drawn by the seed."""
    if len(images) <= most:
        return images
    targets, place = images.targets, np.empty(len(images))
    shuffled = numpy_rng(seed, "next", len(images)).permutation(len(images))
    for code in range(targets.max() + 1):
        rows = shuffled[targets[shuffled] == code]
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return images.subset(np.sort(shuffled[np.argsort(place[shuffled], kind="stable")[:most]]))
