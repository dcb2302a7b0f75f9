"""The classifier on top of adapted vectors: 1nn, linear, svm, or any scikit-learn classifier."""

from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import has_fit_parameter

from ..core.checks import bad, check_choice
from ..core.runtime import one_blas_thread

CLASSIFIERS = ("1nn", "linear", "svm")


def make_classifier(classifier: Any) -> Any:
    """Return a new, unfitted classifier.

    `1nn`: the nearest neighbour by Euclidean distance. `linear`: features scaled to unit variance, then logistic
    regression with C = 1. `svm`: linear support vectors with C = 1 on the vectors as they are, one class against
    one; its cost grows with the square of the number of samples. None of the three draws random numbers.
    An estimator is cloned.

    >>> make_classifier("1nn")
    KNeighborsClassifier(n_neighbors=1)
    """
    if isinstance(classifier, str):
        check_choice("classifier", classifier, CLASSIFIERS)
        if classifier == "1nn":
            return KNeighborsClassifier(n_neighbors=1)
        if classifier == "svm":
            # without a seed of its own it would draw from numpy's global generator, and use nothing of it
            return SVC(kernel="linear", C=1.0, break_ties=True, random_state=0)
        return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=5000))
    if isinstance(classifier, type) or not is_classifier(classifier):
        raise bad("classifier", repr(classifier), f"one of {', '.join(CLASSIFIERS)}, or a scikit-learn classifier")
    return clone(classifier)


def fit_classifier(classifier: Any, Z: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None) -> Any:
    """Fit a new classifier to vectors Z (n, d), classes 0 to K-1 and, where given, sample weights (n,).

    Raises:
        InputError: there are weights and the classifier has no use for them (1nn).
    """
    model = make_classifier(classifier)
    products = Z.size * (int(codes.max(initial=0)) + 1)
    if weights is None:
        with one_blas_thread(products):
            return model.fit(Z, codes)
    last = model.steps[-1] if isinstance(model, Pipeline) else ("", model)
    if not has_fit_parameter(last[1], "sample_weight"):
        raise bad("classifier", repr(classifier), "one that takes sample weights", "Use classifier='linear' or 'svm'.")
    key = f"{last[0]}__sample_weight" if last[0] else "sample_weight"
    with one_blas_thread(products):
        return model.fit(Z, codes, **{key: weights})


def probabilities(model: Any, Z: np.ndarray) -> np.ndarray:
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
