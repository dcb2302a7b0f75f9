"""CORAL: colour the source with the target's covariance (Sun, Feng & Saenko, AAAI 2016, algorithm 1).

The source is whitened with its own covariance and coloured with that of the target; the target stays as it is, and a
classifier is trained on the moved source. The paper scales every feature to mean 0 and variance 1 in each domain
first; here the means are matched by the method itself (`center`), which is the same on such features.
"""

import numpy as np

from ...core.checks import check_number
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ..spectrum import Spectrum, spectrum
from ._common import times_power


def coral(X: np.ndarray, source: Spectrum, target: Spectrum, reg: float = 1.0, center: bool = True) -> np.ndarray:
    """Move source samples X (n, d): (X - ms) (Cs + reg I)^-1/2 (Ct + reg I)^1/2 + mt, or without the means.

    The whitening is the symmetric square root. Time O(n d (rs + rt)) with the ranks r <= min(samples - 1, d).
    """
    start, end = (source.mean, target.mean) if center else (0.0, 0.0)
    return times_power(times_power(X - start, source, reg, -0.5), target, reg, 0.5) + end


class Coral(ShallowAdapter):
    """Correlation alignment: the moved source has the target's mean and, up to `reg`, its covariance.

    Time O(n d min(n, d)) for each domain; no d x d matrix where there are fewer samples than features. `reg` weighs
    against variances: 1 suits features of unit variance; for vectors of unit length take about 0.001.

    Args:
        reg: above 0; added to every variance of both domains.
        center: match the means too. False is the published code's way, for features that have mean 0 already.
        classifier: "1nn", "linear", "svm" or a scikit-learn classifier.

    Attributes:
        source_spectrum_: mean, axes and variances of the source.
        target_spectrum_: the same of the target.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["a", "b"], 50)
    >>> X = rng.normal(size=(100, 2)) * [0.1, 1] + (y == "b")[:, None] * [1, 0]
    >>> stretched = X * [0.1, 5] + 3
    >>> Coral(reg=1e-6, classifier="linear").fit(X, y, stretched).score(stretched, y) > 0.9
    True
    """

    admits_regression = True
    keeps_features = True
    grid = {"reg": (1.0, 0.001, 0.01, 0.1, 10.0)}

    def __init__(self, reg: float = 1.0, center: bool = True, classifier: ClassifierLike = "svm") -> None:
        self.reg = reg
        self.center = center
        self.classifier = classifier

    def _align(self, data: Domains) -> None:
        check_number("reg", self.reg, 0, open_low=True)
        self.source_spectrum_, self.target_spectrum_ = spectrum(data.Xs), spectrum(data.Xt)

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        if domain == "target":
            return X
        return coral(X, self.source_spectrum_, self.target_spectrum_, self.reg, self.center)


Method = Coral
