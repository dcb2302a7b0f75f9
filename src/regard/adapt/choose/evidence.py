"""The evidence on which a model may be chosen: everything that is known of it without target labels.

A choice looks at evidence, never at the model itself, so that any model can be chosen: a scikit-learn estimator, whose
evidence `estimators` gathers by cross-validation, or a deep network, which hands in its own. There is no place for
target labels: `Evidence` has no field for them and takes no others.
"""

from dataclasses import dataclass, fields

import numpy as np

from ...core.checks import bad, check_matrix

LARGEST = 1e-3  # by how much a row of probabilities may miss 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What one trained model says of source samples that it has not learned from, and of the target.

    Of the optional fields a model gives those that the scorers ask for (see `scorers.SCORERS`).

    Attributes:
        labels: (m,) true labels of the source validation samples.
        predicted: (m,) labels that the model predicts for them.
        rows: (m,) which source samples they are, as row numbers; pairs the samples of two candidates.
        losses: (m,) loss of each, 0 or more; None: 0 where right, 1 where wrong.
        source_features: (ns, d) features of all source samples, of which `rows` are validation samples.
        target_features: (nt, d) features of the target samples.
        target_probabilities: (nt, K) predicted class probabilities of the target samples.
        weights: (m,) importance weights p_t / p_s of the validation samples, with mean 1 over the whole source.
        reverse_predicted: (m,) labels that a second model predicts for the validation samples, one of the same kind
            that has learned from the target under this model's predicted labels, with the source as its target.

    Raises:
        InputError: shapes that do not fit, NaN, rows outside the source or given twice, negative numbers,
            probabilities that do not add up to 1.
    """

    labels: np.ndarray
    predicted: np.ndarray
    rows: np.ndarray
    losses: np.ndarray | None = None
    source_features: np.ndarray | None = None
    target_features: np.ndarray | None = None
    target_probabilities: np.ndarray | None = None
    weights: np.ndarray | None = None
    reverse_predicted: np.ndarray | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value is not None:
                object.__setattr__(self, one.name, np.asarray(value))
        m = len(self.labels)
        if self.labels.shape != (m,) or not m:
            raise bad("labels", f"shape {self.labels.shape}", "a label for each validation sample, at least one, (m,)")
        for name in ("predicted", "rows", "losses", "weights", "reverse_predicted"):
            value = getattr(self, name)
            if value is not None and value.shape != (m,):
                raise bad(name, f"shape {value.shape}", f"one value for each of the {m} validation samples, ({m},)")
        if self.rows.dtype.kind not in "iu" or len(np.unique(self.rows)) < m or self.rows.min() < 0:
            raise bad("rows", self.rows.tolist()[:8], "the row numbers of source samples, each once")
        for name in ("losses", "weights"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value).all() and (value >= 0).all()):
                raise bad(name, f"{value.min()} at the least", "finite numbers of 0 or more")
        self._check_features()
        if self.target_probabilities is not None:
            P = check_matrix("target_probabilities", self.target_probabilities)
            if (P < 0).any() or np.abs(P.sum(axis=1) - 1).max() > LARGEST:
                raise bad("target_probabilities", "other rows", "rows (nt, K) of 0 or more that add up to 1")

    def _check_features(self) -> None:
        Xs, Xt = self.source_features, self.target_features
        if (Xs is None) != (Xt is None):
            raise bad("features", "those of one domain", "source_features and target_features, or neither")
        if Xs is None or Xt is None:
            return
        check_matrix("source_features", Xs)
        check_matrix("target_features", Xt, columns=Xs.shape[1])
        if self.rows.max() >= len(Xs):
            raise bad("rows", int(self.rows.max()), f"row numbers of the {len(Xs)} source_features")

    @property
    def right(self) -> np.ndarray:
        """(m,) 1 where the model is right on a validation sample, else 0."""
        return (self.predicted == self.labels).astype(float)

    def has(self, *names: str) -> bool:
        """Whether all these optional fields are given."""
        return all(getattr(self, name) is not None for name in names)
