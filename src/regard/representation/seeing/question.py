"""What is asked of a picture when its vector is explained: a class of a run's classifier, or the vector itself.

A class c asks for its logit w_c . z + b; where there are no classes, the question is what the vector z comes from, and
the score is its length along itself, z . z0 / |z0| with z0 held fixed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...backbones.modes import evaluating
from ...core.checks import InputError, bad
from ...core.runtime import pick_device
from ...metrics.knn import unit
from ..classifier import Classifier
from ..runner import make_runner
from .guided import guided_backpropagation
from .occlusion import Score

if TYPE_CHECKING:
    from ..representation import Representation

Vectors = Callable[[np.ndarray], np.ndarray]  # pixels (n, 3, H, W) uint8 to vectors (n, D)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of one picture.

    Attributes:
        score: of pictures like it, covered in places: the probability of the class, or the cosine to its own vector.
        direction: (D,) along which the vector is explained: the weights of the class, or the vector's own.
        told: the question in words.
        label: the class that is asked about, or None.
        probability: of that class, or None.
    """

    score: Score
    direction: np.ndarray
    told: str
    label: str | None = None
    probability: float | None = None


def vectors_by(rep: "Representation", device: str, batch: int) -> Vectors:
    """The vectors of a representation from prepared pixels, by the way that `embed` takes."""
    runner = make_runner(
        rep.encoder,
        layer=None,
        size=rep.preprocess.size,
        batch=batch,
        device=device,
        key=rep.network_fingerprint,
        pooled=rep.pooled,
    )

    def vectors(pixels_NCHW: np.ndarray) -> np.ndarray:
        starts = range(0, len(pixels_NCHW), batch)
        found = np.concatenate(
            [made for _, made in runner.run((at, pixels_NCHW[at : at + batch]) for at in starts)]
        ).astype(np.float64)
        return found if rep.transform is None else rep.transform.apply(found)

    return vectors


def asked(
    rep: "Representation", vectors: Vectors, pixels_CHW: np.ndarray, classifier: Classifier | None, label: str | None
) -> Question:
    """The question for one picture: the class of that name, or the one that the run gives it, or its vector."""
    whole = vectors(pixels_CHW[None])
    if classifier is None:
        towards = unit(whole)[0]
        return Question(lambda pixels: unit(vectors(pixels)) @ towards, towards, "what its vector comes from")
    shares = classifier.probabilities(whole)[0]
    place = int(shares.argmax()) if label is None else classifier.classes.index(label)
    name = classifier.classes[place]
    probability = float(shares[place])
    told = f"{name}, {probability:.0%}"
    weights = classifier.weight[place]
    return Question(lambda p: classifier.probabilities(vectors(p))[:, place], weights, told, name, probability)


def vector_of(rep: "Representation") -> Callable[[Tensor], Tensor]:
    """The vector of images (N, 3, H, W) in [0, 1] with its gradient.

    Raises:
        InputError: vectors of several sizes of the image, or changed after the network.
    """
    _one_size(rep)
    pooled = rep.pooled
    return rep.encoder.pooled if pooled is None else lambda x: pooled(rep.encoder, x)


def guided_of(rep: "Representation", x_NCHW: Tensor, direction_ND: Tensor) -> Tensor:
    """Guided backpropagation of direction . vector: a pooling of the representation's own is differentiated.

    Raises:
        InputError: as `guided_backpropagation` and `vector_of`.
    """
    _one_size(rep)
    pooled = rep.pooled
    if pooled is None:
        return guided_backpropagation(rep.encoder.pooled, x_NCHW, direction_ND, network=rep.encoder)

    def onto_the_map(map_NChw: Tensor) -> Tensor:
        leaf = map_NChw.detach().requires_grad_()
        with evaluating(rep.encoder), torch.enable_grad():
            made = (pooled.method(leaf)[: len(direction_ND)] * direction_ND).sum()
            return torch.autograd.grad(made, leaf)[0]

    return guided_backpropagation(rep.encoder.last_map, x_NCHW, onto_the_map, network=rep.encoder)


def on_device(rep: "Representation", device: str) -> str:
    """Put the network where it is to be differentiated, and say where."""
    place = pick_device(device)
    rep.encoder.to(place).eval()
    return place


def _one_size(rep: "Representation") -> None:
    if rep.transform is not None:
        raise InputError(f"{rep.name}: its vectors are whitened or projected after the network, which is not explained")
    if rep.pooled is not None and rep.pooled.scales != (1.0,):
        raise bad("scales", f"{rep.pooled.scales} of {rep.name}", "one size of the image", "Occlusion takes any.")
