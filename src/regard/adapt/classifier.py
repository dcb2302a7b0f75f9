"""The classifier on top of adapted vectors: 1nn, linear, svm, or any scikit-learn classifier."""

import warnings
from typing import Self, TypeAlias

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from ..core.checks import bad, check_choice
from ..core.runtime import one_blas_thread

CLASSIFIERS = ("1nn", "linear", "svm")
ClassifierLike: TypeAlias = str | ClassifierMixin  # one of these names, or an unfitted scikit-learn classifier
STEPS = 200_000  # of libsvm for one machine, which otherwise has no end; vectors of this scale take a few thousand


class CommonScale(TransformerMixin, BaseEstimator):
    """Take the mean off, and divide all features by one number: the root of their mean variance.

    Distances keep their proportions, and nothing depends on the origin or the unit any more. Vectors whose features
    have variance 1 stay as they are but for their mean, which a machine with a bias does not see. Features that do
    not vary have no part in the mean variance.

    Attributes:
        mean_: (d,)
        scale_: the number; 1 where no feature varies.
    """

    def fit(self, Z: np.ndarray, y: object = None) -> Self:
        """Learn from vectors (n, d)."""
        Z = validate_data(self, Z, dtype=np.float64)
        self.mean_ = Z.mean(axis=0)
        spread = (Z - self.mean_).std(axis=0)
        # what is left of equal numbers is the rounding of their mean
        varies = spread > max(1e-6 * float(spread.max()), 1e-12 * float(np.abs(Z).max()))
        self.scale_ = float(np.sqrt((spread[varies] ** 2).mean())) if varies.any() else 1.0
        return self

    def transform(self, Z: np.ndarray) -> np.ndarray:
        """Map vectors (n, d)."""
        check_is_fitted(self)
        Z = validate_data(self, Z, dtype=np.float64, reset=False)
        return (Z - self.mean_) / self.scale_


def make_classifier(classifier: ClassifierLike) -> ClassifierMixin:
    """Return a new, unfitted classifier.

    `1nn`: the nearest neighbour by Euclidean distance. `linear`: features scaled to unit variance, then logistic
    regression with C = 1. `svm`: linear support vectors with C = 1, one class against one, on vectors without their
    mean and in a common unit (a mean variance of 1); its cost grows with the square of the number of samples. None of
    the three draws random numbers, and none depends on the vectors' origin or unit. An estimator is cloned.

    >>> make_classifier("1nn")[-1]
    KNeighborsClassifier(n_neighbors=1)
    """
    if isinstance(classifier, str):
        check_choice("classifier", classifier, CLASSIFIERS)
        if classifier == "1nn":
            return make_pipeline(CommonScale(), KNeighborsClassifier(n_neighbors=1))
        if classifier == "svm":
            # without a seed of its own it would draw from numpy's global generator, and use nothing of it
            return make_pipeline(
                CommonScale(), SVC(kernel="linear", C=1.0, break_ties=True, random_state=0, max_iter=STEPS)
            )
        # arrays inside, whatever scikit-learn's global `transform_output` says
        scaler = StandardScaler().set_output(transform="default")
        return make_pipeline(scaler, LogisticRegression(C=1.0, max_iter=5000))
    if isinstance(classifier, type) or not is_classifier(classifier):
        raise bad("classifier", repr(classifier), f"one of {', '.join(CLASSIFIERS)}, or a scikit-learn classifier")
    return clone(classifier)


def fit_classifier(
    classifier: ClassifierLike, Z: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None
) -> ClassifierMixin:
    """Fit a new classifier to vectors Z (n, d), classes 0 to K-1 and, where given, sample weights (n,).

    Raises:
        InputError: there are weights and the classifier has no use for them (1nn).
    """
    model = make_classifier(classifier)
    products = Z.size * (int(codes.max(initial=0)) + 1)
    last = model.steps[-1] if isinstance(model, Pipeline) else ("", model)
    if weights is not None and not has_fit_parameter(last[1], "sample_weight"):
        raise bad("classifier", repr(classifier), "one that takes sample weights", "Use classifier='linear' or 'svm'.")
    key = f"{last[0]}__sample_weight" if last[0] else "sample_weight"
    given = {} if weights is None else {key: weights}
    with one_blas_thread(products):
        if isinstance(last[1], SVC):
            return fit_machine(model, Z, codes, **given)
        return model.fit(Z, codes, **given)


def fit_machine(model: ClassifierMixin, Z: np.ndarray, codes: np.ndarray, **given: np.ndarray) -> ClassifierMixin:
    """Fit a support vector machine, or a pipeline that ends in one; a UserWarning says where its steps ran out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said below, with what to do
        model.fit(Z, codes, **given)
    machine = model[-1] if isinstance(model, Pipeline) else model
    if machine.fit_status_:
        warnings.warn(
            f"svm: not at its end after {machine.max_iter} steps; its margins are approximate. Are there vectors far "
            "beyond the others, or costs (C, weights) far apart? Leave them out, lower C, or use classifier='linear'.",
            UserWarning,
            stacklevel=3,
        )
    return model


def probabilities(model: ClassifierMixin, Z: np.ndarray) -> np.ndarray:
    """Probabilities (n, K), rows sum to 1, of a classifier fitted to the classes 0 to K-1.

    Where the classifier has none: the softmax of its margins (the logistic function of the one margin where there
    are two classes), whose order is right and whose size is not calibrated; or 1 for the class that it predicts.
    """
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(Z), float)
    if hasattr(model, "decision_function"):
        margin = np.asarray(model.decision_function(Z), float)
        if margin.ndim == 1:
            return np.stack([expit(-margin), expit(margin)], axis=1)
        return softmax(margin, axis=1)
    return np.eye(len(model.classes_))[model.predict(Z)]
