"""A linear probe as the head that fine-tuning begins with: LP-FT.

Kumar, Raghunathan, Jones, Ma and Liang 2022, Fine-tuning can distort pretrained features and underperform
out-of-distribution, ICLR: with a head that was drawn, the first steps bend the features to it; with one that was
trained on the features as they are, there is little to bend. Against the paper: the head is not trained by SGD on views
but fitted to convergence on the pictures as they are, its penalty chosen by cross-validation (`reuse.logistic`).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..backbones.encoder import evaluating
from ..core import processes
from ..core.checks import bad
from ..core.records import maybe, number, read_record
from ..core.runtime import pick_device
from ..core.storage import write_json
from ..learning.batches import Feed
from ..learning.checkpoint import CHECKPOINT
from ..learning.module import LearningModule, features_of
from .logistic import fit_logistic

FILE = "probe.json"


@dataclass(frozen=True)
class Probe:
    """The first stage.

    Attributes:
        penalty: chosen by cross-validation, or fixed where no class is there twice.
        cv_accuracy: cross-validated on the training pictures; None where it was fixed.
        accuracy: on the test pictures, which have no say in it; None until it is known.
    """

    penalty: float
    cv_accuracy: float | None
    accuracy: float | None = None

    def write(self, folder: Path) -> None:
        """Keep it in a run's folder."""
        write_json(folder / FILE, asdict(self))

    @staticmethod
    def read(folder: Path) -> "Probe":
        """That of a run's folder; raises InputError where the file is no such record."""
        share = maybe(number(0, 1))
        told = read_record(folder / FILE, {"penalty": number(0), "cv_accuracy": share, "accuracy": share})
        return Probe(told["penalty"], told["cv_accuracy"], told["accuracy"])


def begin(
    module: LearningModule, feed: Feed, folder: Path, seed: int, device: str, score: Callable[[], float]
) -> Probe:
    """The first stage of a run, or what its folder keeps of it where the second has begun already.

    Args:
        module: see `fit_head`.
        feed: likewise.
        folder: the run's.
        seed: of the folds.
        device: auto | cpu | cuda | cuda:N | mps, where the module is put.
        score: the accuracy of the module on the test pictures.
    """
    if (folder / CHECKPOINT).exists() and (folder / FILE).exists():
        return Probe.read(folder)
    module.to(pick_device(device))
    found = fit_head(module, feed, seed)
    found = replace(found, accuracy=score())
    if processes.first():
        found.write(folder)
    return found


def fit_head(module: LearningModule, feed: Feed, seed: int) -> Probe:
    """Put a linear classifier of the encoder's features into the module's head, which is linear; the encoder stays.

    Raises:
        InputError: batch normalisation with the statistics of a fresh network, 0 and 1: in evaluation mode, in which
            the head is fitted, its features are other ones than those that it will learn on.

    Args:
        module: its encoder is used in evaluation mode, in fp32, where it is.
        feed: labelled training pictures; a column `identity` keeps those of one thing in one fold.
        seed: of the folds.
    """
    if _drawn(module.encoder):
        got = f"lp-ft with {module.encoder.name}, whose batch normalisation knows of no picture"
        raise bad(
            "--unfreeze", got, "a network that has learned", "Of fresh weights there is nothing to keep: give all."
        )
    with evaluating(module.encoder):
        vectors = features_of(module.encoder, feed, size=128).cpu().numpy()
    assert feed.labels is not None  # fine-tuning has asked for them
    things = feed.images.columns.get("identity")
    found = fit_logistic(vectors, feed.labels.numpy(), groups=things, seed=seed)
    rows = torch.from_numpy(np.asarray(found.classes, np.int64))  # a class without pictures keeps what was drawn
    with torch.no_grad():
        for own, fitted in ((module.head.weight, found.coef.T), (module.head.bias, found.intercept)):
            own[rows.to(own.device)] = torch.from_numpy(np.ascontiguousarray(fitted)).to(own)
    return Probe(found.penalty, None if np.isnan(found.cv_accuracy) else found.cv_accuracy)


def _drawn(encoder: nn.Module) -> bool:
    """Whether an encoder has batch normalisation, all of it with the statistics of a fresh one."""
    norms = [one for one in encoder.modules() if isinstance(one, _BatchNorm) and one.running_mean is not None]
    return bool(norms) and all(not one.running_mean.any() and bool((one.running_var == 1).all()) for one in norms)
