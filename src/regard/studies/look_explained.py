"""A picture explained: where a class or a vector comes from, by occlusion, guided backpropagation and Grad-CAM."""

from dataclasses import dataclass

import numpy as np
import torch

from ..representation.classifier import Classifier
from ..representation.representation import Representation
from ..representation.seeing.gradcam import grad_cam
from ..representation.seeing.occlusion import occlusion
from ..representation.seeing.question import Vectors, asked, guided_of, vector_of
from .look_ways import Ways

PARTS, STEPS = 5, 3  # the square is a fifth of the picture's short side, and moves by a third of its own


@dataclass(frozen=True, eq=False)
class Explained:
    """One picture and what the ways show of it.

    Attributes:
        image: its row in the collection.
        pixels: (H, W, 3) uint8, as the network sees it.
        told: what was asked of it, in words.
        label: the class that was asked about, or None.
        probability: of that class, or None.
        occlusion: (H, W) how much the answer falls where a grey square covers it, or None.
        guided: (H, W, 3) of either sign, or None.
        cam: (h, w) Grad-CAM on the cells of a map, or None.
    """

    image: int
    pixels: np.ndarray
    told: str
    label: str | None
    probability: float | None
    occlusion: np.ndarray | None
    guided: np.ndarray | None
    cam: np.ndarray | None


def explained(
    rep: Representation,
    vectors: Vectors,
    image: int,
    pixels_CHW: np.ndarray,
    ways: Ways,
    *,
    classifier: Classifier | None = None,
    label: str | None = None,
    batch: int = 8,
) -> Explained:
    """Explain one picture in the ways that are taken.

    Args:
        rep: the representation.
        vectors: its vectors from prepared pixels.
        image: row of the picture.
        pixels_CHW: (3, H, W) uint8, prepared.
        ways: which to take.
        classifier: asked instead of the vector.
        label: the class that is asked about; None: the one that the classifier gives.
        batch: pictures a call of the network.
    """
    question = asked(rep, vectors, pixels_CHW, classifier, label)
    covered = guided = cam = None
    if "occlusion" in ways.taken:
        side = max(1, min(pixels_CHW.shape[1:]) // PARTS)
        covered = occlusion(question.score, pixels_CHW, side=side, stride=max(1, side // STEPS), batch=batch)
    x = torch.from_numpy(pixels_CHW[None]).to(rep.encoder.mean.device).float() / 255
    direction = torch.from_numpy(question.direction[None]).to(x.dtype).to(x.device)
    if "guided" in ways.taken:
        guided = guided_of(rep, x, direction)[0].permute(1, 2, 0).cpu().numpy()
    if ways.cam is not None:
        cam = grad_cam(ways.cam, vector_of(rep), x, direction)[0].cpu().numpy()
    return Explained(
        image,
        pixels_CHW.transpose(1, 2, 0),
        question.told,
        question.label,
        question.probability,
        covered,
        guided,
        cam,
    )
