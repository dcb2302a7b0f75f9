"""The contract of learners on frozen vectors: they learn batch after batch, forget on request, and keep no sample.

A method is one file here with a plain function of the maths, a class below `Learner` with `_solve` and `_scores`, and
the line `Method = ThatClass`. Checks, labels, statistics, deletion and the state are here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin

from ...adapt.labels import Labels, known_labels
from ...core.checks import InputError, bad, check_matrix
from ._moments import Moments, Scatter, merged, moments, without

ROWS = 4096  # samples that are mapped and scored at a time


class Learner(ClassifierMixin, BaseEstimator, ABC):
    """What every learner on frozen vectors shares: `partial_fit`, `forget`, `predict`, `state`.

    What is learned hangs on the set of samples alone: their order and how they are cut into batches do not matter, and
    samples that were forgotten leave what would be there had they never come; both up to rounding. New classes may
    come at any time, old ones may come back. No sample is kept.

    A method gives `_solve(moments)`, which makes its model of the statistics, and `_scores(model, Z)`; where it learns
    of something else than the vectors themselves, `_map(X)`, which treats each row by itself.

    Attributes:
        classes_: (K,) the labels known by now, sorted.
        counts_: (K,) how many samples of each were learned.
        n_features_in_: d.
        nbytes: bytes of all that is kept.
    """

    _keeps: ClassVar[tuple[str, ...]] = ()  # arrays beside the moments that belong to the state

    def fit(self, X: ArrayLike, y: Labels) -> Self:
        """Forget everything and learn from X (n, d) and y (n,); errors as of `partial_fit`."""
        self._check()
        X, y = self._read(X, y, None)
        self._clear()
        return self.partial_fit(X, y)

    def partial_fit(self, X: ArrayLike, y: Labels) -> Self:
        """Learn from a batch, which may bring new classes or more samples of old ones.

        Args:
            X: (n, d) vectors, n at least 1.
            y: (n,) labels: text, or whole numbers.

        Raises:
            InputError: NaN, another d than before, labels that are unknown or of another type than before, a setting
                out of range. Nothing is learned then.
        """
        self._check()
        X, y = self._read(X, y, self.__dict__.get("n_features_in_"))
        known: Moments | None = self.__dict__.get("moments_")
        if known is None:
            self._begin(X.shape[1])
        new = self._moments_of(X, y)
        self._take(new if known is None else merged(known, new))
        return self

    def forget(self, X: ArrayLike, y: Labels) -> Self:
        """Take samples out again that were learned; a class of which none is left is no class any more.

        Args:
            X: (n, d) the very vectors that were learned.
            y: (n,) their labels.

        Raises:
            InputError: as of `partial_fit`; a class that is not known; more samples of a class than were learned;
                vectors of which the statistics tell that they were not learned. Not every such case can be told, as
                no sample is kept. Nothing is forgotten then.
        """
        known = self._known()
        X, y = self._read(X, y, self.n_features_in_)
        left = without(known, self._moments_of(X, y))
        if len(left.classes):
            self._take(left)
        else:
            self._clear()
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Scores (n, K) of vectors (n, d) in the order of `classes_`, a column for each also where there are two.

        Raises:
            InputError: NaN, another d, fewer than two classes known.
        """
        known = self._known()
        if len(known.classes) < 2:
            raise bad(
                "predict",
                f"1 class known ({known.classes[0]})",
                "at least 2 classes to tell apart",
                "Learn another class first.",
            )
        self._check()
        X = check_matrix("X", X, columns=self.n_features_in_)
        model = self._model()
        parts = [X[at : at + ROWS].astype(np.float64) for at in range(0, len(X), ROWS)]
        return np.concatenate([self._scores(model, self._map(part)) for part in parts])

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Labels (n,) of vectors (n, d): those of the largest scores. Errors as of `decision_function`."""
        best = self.decision_function(X).argmax(axis=1)
        return self.classes_[best]

    def state(self) -> dict[str, np.ndarray]:
        """All that was learned, as plain arrays; settings are not among them.

        Returns:
            `classes` (K,), `counts` (K,), `means` (K, d), `scatter` where the method keeps one, and what else the
            method keeps; nothing where nothing was learned.
        """
        known: Moments | None = self.__dict__.get("moments_")
        if known is None:
            return {}
        found = {"classes": known.classes, "counts": known.counts, "means": known.means}
        if known.scatter is not None:
            found["scatter"] = known.scatter
        found.update({name: self.__dict__[f"{name}_"] for name in self._keeps})
        return {name: value.copy() for name, value in found.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], **settings: Any) -> Self:
        """A learner that goes on from `state()`, with the settings that the other had.

        Raises:
            InputError: arrays that are missing, of another shape, not finite, or of another method.
        """
        made = cls(**settings)
        made._check()
        if not state:
            return made
        wanted = ["classes", "counts", "means", *(["scatter"] if made._scatter() != "none" else []), *cls._keeps]
        if set(state) != set(wanted):
            raise bad("state", f"arrays {', '.join(sorted(state))}", f"arrays {', '.join(wanted)}", "Of this method?")
        arrays = {name: np.array(state[name]) for name in wanted}
        classes, counts, means = arrays["classes"], arrays["counts"], arrays["means"]
        if means.ndim != 2 or not means.size or classes.shape != counts.shape or classes.shape != means.shape[:1]:
            raise bad("state", "classes, counts and means that do not match", "shapes (K,), (K,) and (K, d)")
        if counts.dtype.kind not in "iu" or (counts < 1).any() or not np.array_equal(np.unique(classes), classes):
            raise bad("state", "counts below 1 or classes out of order", "a state as state() gives it")
        made._begin(cls._inputs(arrays))
        for name in cls._keeps:
            wanted_shape = made.__dict__[f"{name}_"].shape
            if arrays[name].shape != wanted_shape:
                raise bad("state", f"{name} of shape {arrays[name].shape}", f"shape {wanted_shape}, by the settings")
            setattr(made, f"{name}_", arrays[name])
        width = made._map(np.zeros((1, made.n_features_in_))).shape[1]
        scatter, shapes = arrays.get("scatter"), {"pooled": (width, width), "class": (len(classes), width, width)}
        if means.shape[1] != width or (scatter is not None and scatter.shape != shapes[made._scatter()]):
            raise bad("state", f"arrays of {means.shape[1]} dimensions", f"{width} dimensions, also of the scatter")
        if not all(np.isfinite(one).all() for name, one in arrays.items() if name != "classes"):
            raise bad("state", "NaN or infinity", "finite numbers")
        made._take(Moments(classes, counts.astype(np.int64), means.astype(np.float64), scatter))
        return made

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept: they grow with the classes, never with the samples."""
        known: Moments | None = self.__dict__.get("moments_")
        return 0 if known is None else known.nbytes + sum(self.__dict__[f"{name}_"].nbytes for name in self._keeps)

    def _check(self) -> None:
        """Raise InputError for settings that are out of range."""

    def _begin(self, d: int) -> None:
        """Make ready for vectors of d dimensions, once, before the first are learned."""
        self.n_features_in_ = d

    @classmethod
    def _inputs(cls, arrays: Mapping[str, np.ndarray]) -> int:
        """Which d a state belongs to."""
        return arrays["means"].shape[1]

    def _map(self, X: np.ndarray) -> np.ndarray:
        """What statistics are taken of, (n, M) from (n, d), each row by itself."""
        return X

    def _scatter(self) -> Scatter:
        """Whether scatter is kept: none, of all classes together, of each class."""
        return "none"

    def _solve(self, known: Moments) -> Any:
        """The model that follows from the statistics; made when it is asked for, and kept until they change."""
        return known

    @abstractmethod
    def _scores(self, model: Any, Z: np.ndarray) -> np.ndarray:
        """Scores (n, K) of mapped samples (n, M)."""

    def _model(self) -> Any:
        known, settings = self._known(), repr(sorted(self.get_params(deep=False).items(), key=str))
        made = self.__dict__.get("_made")
        if made is None or made[0] != settings:
            made = self._made = (settings, self._solve(known))
        return made[1]

    def _moments_of(self, X: np.ndarray, y: np.ndarray) -> Moments:
        found: Moments | None = None
        for at in range(0, len(X), ROWS):  # what is mapped may be many times as wide
            part = slice(at, at + ROWS)
            new = moments(self._map(X[part].astype(np.float64)), y[part], self._scatter())
            found = new if found is None else merged(found, new)
        assert found is not None  # there is at least one row
        return found

    def _read(self, X: ArrayLike, y: Labels, columns: int | None) -> tuple[np.ndarray, np.ndarray]:
        if y is None:
            raise bad("y", "None", "a label for each sample", "Vectors without labels teach these learners nothing.")
        X = check_matrix("X", X, columns=columns)
        labels = known_labels("y", y, len(X))
        known: Moments | None = self.__dict__.get("moments_")
        if columns is not None and known is not None and _kind(labels) != _kind(known.classes):
            raise bad("y", f"{_kind(labels)}s such as {labels[0]!r}", f"{_kind(known.classes)}s, as the labels before")
        return X, labels

    def _take(self, known: Moments) -> None:
        self.moments_, self.classes_, self.counts_ = known, known.classes, known.counts
        self.__dict__.pop("_made", None)

    def _clear(self) -> None:
        for name in ("moments_", "classes_", "counts_", "n_features_in_", "_made", *(f"{k}_" for k in self._keeps)):
            self.__dict__.pop(name, None)

    def _known(self) -> Moments:
        known: Moments | None = self.__dict__.get("moments_")
        if known is None:
            raise InputError(f"{type(self).__name__}: nothing is learned yet. Call partial_fit(X, y) first.")
        return known


def _kind(labels: np.ndarray) -> str:
    return {"U": "text", "S": "text", "b": "bool"}.get(labels.dtype.kind, "number")
