"""Fisher vectors of dense SIFT: a mixture of Gaussians fitted to descriptors of one's own images, without labels.

Perronnin, Sánchez and Mensink 2010, "Improving the Fisher kernel for large-scale image classification", ECCV;
Sánchez, Perronnin, Mensink and Verbeek 2013, "Image classification with the Fisher vector", IJCV 105. Fixed descriptors
(`phow`), principal axes without whitening, a mixture of Gaussians; what changes in it to fit an image is the vector.

What differs: RootSIFT; opponent colours in one descriptor in place of a second vector of means and deviations of RGB;
descriptors without structure do not count.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from ...representation.pooling import fisher
from ...representation.pooling._common import Projection
from ...representation.pooling._mixture import fit_mixture, log_likelihood
from ...representation.pooling._rows import Rows
from ._settings import Fitted

FLOOR = 1e-3  # least variance, as a share of that of all descriptors


@dataclass(frozen=True)
class Fisher(Fitted):
    """A mixture of k Gaussians; vectors have parts 2 k (dim + 2) numbers with positions, parts 2 k dim without.

    Attributes:
        k: Gaussians; 256 in the papers.
        dim: principal axes of descriptors that are kept; 64 or 80 in the papers.
        scales: sides of a descriptor's bins in pixels; a descriptor covers 5 of them.
        step: pixels from one descriptor to the next.
        colour: grey, or opponent with three times the numbers.
        contrast: least contrast of a descriptor, in grey levels from 0 to 1 a pixel.
        positions: whether a descriptor's place in the picture is a part of it, which takes the place of a pyramid.
        pyramid: parts of the picture with a vector each, such as 1x1,2x2,3x1 (rows x columns).
        descriptors: how many to learn from, the same number of each image.
    """

    pooling: ClassVar[str] = "fisher"
    positions: bool = True

    def fit(
        self, rows: Rows, held_out: Rows, projection: Projection | None, seed: int, device: str
    ) -> tuple[Any, dict[str, float], int]:
        """See `Fitted`; scores are the mean log-likelihood of a descriptor in nats, and that of one Gaussian."""
        method, mixture = fisher.learned(
            rows, self.k, seed, projection, self.form(), floor=FLOOR, device=device, argument="IMAGES"
        )
        one = fit_mixture(rows, 1, seed, "fisher", floor=FLOOR, device=device, argument="IMAGES")
        scores = {
            "log_likelihood": log_likelihood(held_out, mixture, device),
            "train_log_likelihood": log_likelihood(rows, mixture, device),
            "one_gaussian_log_likelihood": log_likelihood(held_out, one, device),
        }
        return method, scores, mixture.steps


Method = Fisher
