"""DASVM: swap source samples for target samples with their predicted labels (Bruzzone & Marconcini, TPAMI 2010).

A support vector machine of the source is trained again and again. Each time the target samples inside the margin
that lie nearest to its edge join the training set under their predicted label, those whose predicted label has
flipped leave it, and as many source samples leave for good: those farthest from the boundary. The cost of source
samples falls, that of a target sample rises with the time it has kept its label, both quadratically.

Circular validation tells whether the result can be trusted, without target labels: the method is run back, from the
target under its predicted labels to the unlabelled source, and scored there against the labels of the source.

What differs: the paper's loop has two classes. Here one machine for each class against the rest goes through it at
once, the predicted label is the class of the largest margin, and "each side" means each class; with two classes that
is the two-sided loop. rho and beta are shares of the target's size. A target sample's cost rises with its own time
in the training set, and source samples leave from the side on which they are predicted. Known target labels
take part from the beginning, at the highest target cost, and never leave.
"""

import numpy as np

from ...core.checks import check_number
from ...core.runtime import numpy_rng, one_blas_thread
from ..contract import Domains, ShallowAdapter
from ._common import drawn_by_class, drawn_target
from ._dasvm_loop import Costs, Run, dasvm
from ._svm import (
    check_kernel,
    gram,
    machine,
    margin_probabilities,
    read_gamma,
    start_of,
)


class DASVM(ShallowAdapter):
    """Domain adaptation support vector machine, with circular validation.

    Cost: `rounds` + 1 times one machine for each class, each O(m^2) or more for m training samples, about as many as
    the source has; the same again for circular validation. Memory O(n^2) for n = source + target samples. Above
    `max_samples` a draw of each domain takes their place in training, so n is at most 2 max_samples; all are
    predicted. `domain` makes no difference to a prediction.

    Args:
        C: above 0; cost of source samples in the beginning.
        C_target: above 0, at most C; cost of target samples when they join, and of source samples in the end.
        C_target_max: at least C_target; cost of target samples after `rounds` rounds.
        rho: above 0, at most 1; the share of the target that may join in one round, over all classes.
        rounds: N, at least 1.
        beta: 0 to 1; end where no more than this share of the target is left inside the margin.
        kernel: "rbf" or "linear".
        gamma: width of the Gaussian kernel, above 0; "scale" is 1 over the total variance of the source samples.
        circular: run the circular validation.
        max_samples: from the source, and from the target, at most; known target labels are kept first.
        random_state: of that draw.

    Attributes:
        machine_: the machine that predicts.
        circular_accuracy_: accuracy on the source of the way back, 0 to 1. About 1 / number of classes or less: do
            not trust the result. It is not the accuracy on the target. Missing with circular=False.
        source_left_: how many source samples are in the last training set.
        pseudo_labelled_: how many target samples are in it under a predicted label.
        added_: how many target samples joined in each round.
        gamma_: the width used.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["a", "b"], 60)
    >>> X = rng.normal(size=(120, 2)) + (y == "b")[:, None] * [5, 0]
    >>> turn = np.array([[0.9, 0.4], [-0.4, 0.9]])
    >>> model = DASVM().fit(X, y, X @ turn)
    >>> model.score(X @ turn, y) > 0.95, model.circular_accuracy_ > 0.95
    (True, True)
    """

    grid = {"C": (10.0, 1.0, 100.0), "rho": (0.1, 0.02)}

    def __init__(
        self,
        C: float = 10.0,
        C_target: float = 1.0,
        C_target_max: float = 10.0,
        rho: float = 0.1,
        rounds: int = 30,
        beta: float = 0.0,
        kernel: str = "rbf",
        gamma: float | str = "scale",
        circular: bool = True,
        max_samples: int = 1000,
        random_state: int = 0,
    ) -> None:
        self.C = C
        self.C_target = C_target
        self.C_target_max = C_target_max
        self.rho = rho
        self.rounds = rounds
        self.beta = beta
        self.kernel = kernel
        self.gamma = gamma
        self.circular = circular
        self.max_samples = max_samples
        self.random_state = random_state

    def _learn(self, data: Domains) -> None:
        check_number("C", self.C, 0, open_low=True)
        check_number("C_target", self.C_target, 0, self.C, open_low=True)
        check_number("C_target_max", self.C_target_max, self.C_target)
        check_number("rho", self.rho, 0, 1, open_low=True)
        check_number("rounds", self.rounds, 1, whole=True)
        check_number("beta", self.beta, 0, 1)
        check_number("max_samples", self.max_samples, 2, whole=True)
        check_kernel(self.kernel)
        self.gamma_ = read_gamma(self.gamma, data.Xs)
        rng = numpy_rng(self.random_state, "dasvm")
        classes, costs = len(self.classes_), Costs(self.C, self.C_target, self.C_target_max, self.rounds)
        from_s = drawn_by_class(data.ys, self.max_samples, rng)
        codes_t = np.full(len(data.Xt), -1)
        codes_t[data.known] = data.yt
        from_t = drawn_target(codes_t, self.max_samples, rng)
        start = start_of(np.concatenate([data.Xs, data.Xt]), self.kernel)
        X = np.concatenate([data.Xs[from_s], data.Xt[from_t]]) - start
        codes, ns = np.concatenate([data.ys[from_s], codes_t[from_t]]), len(from_s)
        K = gram(X, X, self.kernel, self.gamma_)
        with one_blas_thread(K.size * classes):
            run = self._run(K, codes, ns, classes, costs)
            self.__dict__.pop("circular_accuracy_", None)
            if self.circular:
                back = np.r_[ns : len(X), 0:ns]
                labels = np.where(codes >= 0, codes, run.predicted)[back]
                nt = len(X) - ns
                labels[nt:] = -1
                found = self._run(K[np.ix_(back, back)], labels, nt, classes, costs).predicted[nt:]
                self.circular_accuracy_ = float((found == codes[:ns]).mean())
        self.machine_ = machine(X, run.coef, run.bias, self.kernel, self.gamma_, start)
        self.added_ = run.added
        self.source_left_ = int(run.members[:ns].sum())
        self.pseudo_labelled_ = int((run.members & (codes < 0)).sum())

    def _run(self, K: np.ndarray, codes: np.ndarray, ns: int, classes: int, costs: Costs) -> Run:
        nt = len(K) - ns
        rho = max(1, round(self.rho * nt / classes))
        return dasvm(K, codes, ns, classes, costs, rho, int(self.beta * nt))

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        return margin_probabilities(self.machine_.margins(X))


Method = DASVM
