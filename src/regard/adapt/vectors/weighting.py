"""Weighting: count each source sample by how likely it is in the target (Shimodaira 2000; Huang et al., NIPS 2006).

Where p(y | x) is the same in both domains and only p(x) differs, the source weighted with w(x) = p_t(x) / p_s(x) is
the target. Four estimates of w: logistic regression of the domains, kernel mean matching, KLIEP and uLSIF. Where
p(x | y) is the same and the classes have other shares, w depends on the class alone ("label": Lipton et al. 2018).

The vectors stay as they are; any scikit-learn classifier that takes sample weights can stand on top.
"""

from typing import Any

import numpy as np

from ...core.checks import bad, check_choice, check_number
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ..shift.density_ratios import METHODS, density_ratio, effective_samples
from ..shift.priors import class_weights

RATIOS = (*METHODS, "label")


class Weighting(ShallowAdapter):
    """The classifier, trained on weighted source samples. Costs: see `regard.adapt.shift.density_ratios.density_ratio`.

    Args:
        ratio: "logistic", "kmm", "kliep" or "ulsif", ratios of densities; "label", ratios of class shares.
        bandwidth: of the Gaussian kernels, above 0; None: chosen by cross-validation (kliep, ulsif), or the median
            distance (kmm).
        flatten: 0 to 1; weights are raised to this power: less variance, more bias.
        C: of the logistic ratio; smaller gives more equal weights.
        shares: how "label" estimates the target's shares: "bbse" or "em".
        max_samples: of the source, whose kernel "kmm" holds.
        classifier: "linear", "svm" or a scikit-learn classifier that takes sample weights.
        random_state: of draws and folds.

    Attributes:
        source_weight_: (ns,) in the caller's order, with mean 1.
        effective_samples_: (sum w)^2 / sum w^2; far below ns, few samples decide, and the result is not to be trusted.
        target_shares_: (K,) with "label".

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 1)) * 2
    >>> y = (np.abs(X[:, 0]) > 1).astype(int)
    >>> Xt = rng.normal(size=(200, 1)) * 0.5 + 1
    >>> model = Weighting(ratio="kliep").fit(X, y, Xt)
    >>> model.score(Xt, np.abs(Xt[:, 0]) > 1) > 0.8
    True
    """

    admits_regression = True
    grid = {"ratio": RATIOS}

    def __init__(
        self,
        ratio: str = "logistic",
        bandwidth: float | None = None,
        flatten: float = 1.0,
        C: float = 0.01,
        shares: str = "bbse",
        max_samples: int = 4000,
        classifier: ClassifierLike = "linear",
        random_state: int = 0,
    ) -> None:
        self.ratio = ratio
        self.bandwidth = bandwidth
        self.flatten = flatten
        self.C = C
        self.shares = shares
        self.max_samples = max_samples
        self.classifier = classifier
        self.random_state = random_state

    def _align(self, data: Domains) -> np.ndarray:
        check_choice("ratio", self.ratio, RATIOS)
        check_choice("shares", self.shares, ("bbse", "em"))
        check_number("flatten", self.flatten, 0, 1)
        self.__dict__.pop("target_shares_", None)
        if self.ratio == "label":
            if data.ys.dtype.kind not in "iu":
                raise bad("ratio", "'label' in a regression", f"one of {', '.join(METHODS)}", "It weighs classes.")
            w, self.target_shares_ = class_weights(data.Xs, data.ys, data.Xt, self.shares)
        else:
            own: dict[str, dict[str, Any]] = {"logistic": {"C": self.C}, "kmm": {"max_samples": self.max_samples}}
            settings = own.get(self.ratio, {})
            w = density_ratio(
                data.Xs, data.Xt, self.ratio, bandwidth=self.bandwidth, seed=self.random_state, **settings
            )
        w = w**self.flatten
        # a class whose samples all weigh nothing is still a class
        w = np.maximum(w / w.mean(), 1e-6)
        self.effective_samples_ = effective_samples(w)
        return w / w.mean()


Method = Weighting
