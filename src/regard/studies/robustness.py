"""What is left of an accuracy when pictures are corrupted: 15 corruptions at 5 severities, as a table and one figure.

Hendrycks and Dietterich, ICLR 2019. What is asked is a function from images to labels, so that a probe, a fine-tuned
network and an adapted one are asked alike. The corrupted pictures are made on the way and not kept.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_choice, check_labels
from ..core.events import Event, passing
from ..core.values import group_codes
from ..data.corrupted import corrupted_images
from ..data.corruptions import NAMES, SEVERITIES
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..metrics.contrast import Difference, contrast
from ..metrics.corruption_error import mean_corruption_error
from ..metrics.intervals import Interval, accuracy_interval
from ..representation.classifier import read_classifier
from ..representation.embed import embed
from ..representation.representation import Representation
from ..reuse.logistic import fit_logistic

Predict = Callable[[ImageSet], ArrayLike]
Watch = Callable[[Iterable[Event]], Iterable[Event]]


@dataclass(frozen=True)
class Robustness:
    """What `robustness` found.

    Attributes:
        clean: accuracy on the pictures as they are, with its 95 % interval over pictures (or identities).
        corrupted: the mean over all corruptions and severities, with its interval over the same.
        accuracy: by corruption, one for each of `severities`.
        severities: from 1 to 5.
        each: (n,) the share of all corruptions and severities under which each picture is told right.
        units: (n,) what pictures are of, where they have an identity; else None.
    """

    clean: Interval
    corrupted: Interval
    accuracy: Mapping[str, tuple[float, ...]]
    severities: tuple[int, ...]
    each: np.ndarray = field(default_factory=lambda: np.zeros(0), compare=False, repr=False)
    units: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def errors(self) -> dict[str, tuple[float, ...]]:
        """1 - accuracy, as `metrics.corruption_error` takes them."""
        return {name: tuple(1 - one for one in values) for name, values in self.accuracy.items()}

    @property
    def metrics(self) -> dict[str, float]:
        """`clean`, `corrupted`, `mean_corruption_error`, and NAME_SEVERITY for each."""
        each = {f"{name}_{s}": one for name, row in self.accuracy.items() for s, one in zip(self.severities, row)}
        mean = mean_corruption_error(self.errors)
        return {"clean": self.clean.mean, "corrupted": self.corrupted.mean, "mean_corruption_error": mean, **each}

    def against(self, baseline: "Robustness", *, relative: bool = False) -> float:
        """The paper's mCE with another method as the baseline: below 1 is fewer mistakes; `relative` to clean ones.

        Raises:
            InputError: other corruptions or severities, a baseline without mistakes under one of them.
        """
        if self.severities != baseline.severities:
            raise bad("baseline", f"severities {baseline.severities}", f"{self.severities}, as here")
        cleans = (1 - self.clean.mean, 1 - baseline.clean.mean) if relative else (None, None)
        return mean_corruption_error(self.errors, baseline.errors, clean=cleans[0], baseline_clean=cleans[1])

    def difference(self, other: "Robustness") -> Difference:
        """Mean accuracy under corruption minus another's on the same pictures, paired, with its interval over these.

        It is of these two networks: that either might have been trained with another seed is not counted.

        Raises:
            InputError: other corruptions, severities or pictures.
        """
        if (list(self.accuracy), self.severities) != (list(other.accuracy), other.severities):
            raise bad("other", "other corruptions or severities", "the same")
        return contrast(self.each, other.each, self.units)

    def rows(self) -> list[list[Any]]:
        """A row for each corruption: its name, the accuracy at each severity, and their mean."""
        return [[name, *row, float(np.mean(row))] for name, row in self.accuracy.items()]


def robustness(
    predict: Predict,
    test: Any,
    *,
    corruptions: Sequence[str] = NAMES,
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    watch: Watch | None = None,
) -> Robustness:
    """Score a classifier on clean and on corrupted test images; all corruptions are of the same images.

    Args:
        predict: gives a label for each image of a set, in its order; such as `linear_on` makes.
        test: labelled images that it has not learned from, as `open_images` takes them.
        corruptions: some of `data.corruptions.NAMES`.
        severities: some of 1 to 5.
        seed: of the corruptions.
        watch: wraps the stream of progress events, one for each set that was scored.

    Raises:
        InputError: no labels, unknown corruptions or severities, other than one label for each image.
    """
    images = open_images(test, argument="test")
    truth = images.need_labels("test", 1)
    names = [check_choice("corruptions", one, NAMES) for one in corruptions]
    if not names or not len(severities):
        raise bad("corruptions", f"{names} at {list(severities)}", "at least one, at one severity or more")
    column = images.columns.get("identity")
    units = None if column is None else group_codes(column, "identity")

    def right(one: ImageSet) -> np.ndarray:
        found = check_labels("predict", predict(one), len(truth))
        return np.asarray(found.astype(np.str_) == truth)

    asked = [corrupted_images(images, name, severity, seed) for name in names for severity in severities]
    each = (right(one) for one in [images, *asked])
    clean, *made = passing(each, 1 + len(asked), "scored", watch) if watch else each
    stacked = np.stack(made)
    by_name = stacked.mean(axis=1).reshape(len(names), len(severities))
    return Robustness(
        accuracy_interval(clean, units),
        accuracy_interval(stacked.mean(axis=0), units),
        {name: tuple(row) for name, row in zip(names, by_name.tolist())},
        tuple(int(one) for one in severities),
        stacked.mean(axis=0),
        units,
    )


def linear_on(
    train: Any, representation: Representation | str = "imagenet", *, seed: int = 0, device: str = "auto"
) -> Predict:
    """A linear classifier on frozen vectors, learned from clean images, as `robustness` asks it.

    Args:
        train: labelled images, as `open_images` takes them.
        representation: as `embed` takes it.
        seed: of the folds that choose its penalty.
        device: auto | cpu | cuda | mps.

    Raises:
        InputError: no labels, one class.
    """
    images = open_images(train, argument="train")
    images.need_labels("train")
    rep = representation if isinstance(representation, Representation) else Representation.load(representation)
    known = embed(images, rep, device=device)
    column = known.columns.get("identity")
    groups = None if column is None else group_codes(column, "identity")
    model = fit_logistic(known.vectors, known.need_labels("train"), groups=groups, seed=seed)

    def predict(asked: ImageSet) -> np.ndarray:
        return np.asarray(model.predict(embed(asked, rep, device=device, cache=False).vectors))

    return predict


def own_classifier(run: str | Path, *, device: str = "auto") -> tuple[Predict, tuple[str, ...]]:
    """The classifier that a run has kept, as `robustness` asks it, and the classes that it tells.

    Args:
        run: the folder of a finetune run, of create with the task `labels`, or of adapt.
        device: auto | cpu | cuda | mps.

    Raises:
        InputError: a folder without a classifier, or with damaged files.
    """
    head, rep = read_classifier(run, "run"), Representation.load(run)
    names = np.array(head.classes)

    def predict(asked: ImageSet) -> np.ndarray:
        vectors = embed(asked, rep, device=device, cache=False).vectors
        return np.asarray(names[head.logits(vectors).argmax(axis=1)])

    return predict, head.classes
