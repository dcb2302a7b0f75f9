"""What is done to vectors before they are compared: length 1, a signed power, whitening; kept as arrays and JSON.

Whitening takes off the mean and divides each principal axis by a power of its variance, so that what all images share
no longer rules the cosine (Jégou and Chum 2012, "Negative evidences and co-occurrences in image retrieval", ECCV).
Learned from few vectors, small variances come out far too small. So, unlike there, the covariance is first drawn
towards a multiple of the identity, as far as Ledoit and Wolf 2004 ("A well-conditioned estimator for large-dimensional
covariance matrices", J. Multivariate Anal. 88) find best, and by default all axes are kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.checks import bad, check_choice, check_labels, check_matrix, check_number, check_path
from ..core.runtime import numpy_rng
from ..core.storage import hash_tensors, inside, load_tensors, read_json, save_tensors, write_json
from ..metrics.knn import unit

LEAST = 10  # rows below which nothing can be said about a covariance
_ROWS = 8192  # rows in double precision at once
_MOST = 100_000  # rows that `fit_whitening` learns from
_CARD, _FORMAT = "transform.json", 1


class Step:
    """A change of vectors with fixed settings; its fields are numbers and arrays."""

    kind: ClassVar[str]

    def apply(self, vectors_ND: Any) -> np.ndarray:
        """Vectors (n, d) to vectors (n, dim); float32 stays float32, and the input is not changed."""
        mean = getattr(self, "mean", None)
        return self._change(check_matrix("vectors", vectors_ND, columns=None if mean is None else len(mean)))

    def state(self) -> dict[str, np.ndarray]:
        """The fields as arrays, numbers with shape ()."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Any:
        """The step whose `state` this was."""
        names = sorted(field.name for field in fields(cls))  # type: ignore[arg-type]
        if sorted(state) != names:
            raise bad(f"state of {cls.kind}", ", ".join(sorted(state)) or "nothing", ", ".join(names) or "nothing")
        return cls(**{name: value if value.ndim else value.item() for name, value in state.items()})

    def _change(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True)
class L2(Step):
    """Bring each vector to length 1; zeros stay zeros.

    >>> L2().apply([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """

    kind = "l2"

    def _change(self, X: np.ndarray) -> np.ndarray:
        return unit(X)


@dataclass(frozen=True)
class Power(Step):
    """Raise the size of each number to `alpha` in (0, 1] and keep its sign, which tempers bursts.

    Perronnin, Sánchez and Mensink 2010, "Improving the Fisher kernel for large-scale image classification", ECCV.

    >>> Power(0.5).apply([[4.0, -9.0]])
    array([[ 2., -3.]])
    """

    alpha: float = 0.5
    kind = "power"

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0, 1, open_low=True)

    def _change(self, X: np.ndarray) -> np.ndarray:
        return np.sign(X) * np.abs(X) ** self.alpha


@dataclass(frozen=True, eq=False)
class PCAWhiten(Step):
    """Coordinates along principal axes, each divided by its variance to a power: V (x - mean) / eigenvalue^power.

    Attributes:
        mean: (d,).
        components: (dim, d) axes, the largest variance first.
        eigenvalues: (dim,) their variances after shrinkage, above 0.
        power: 0.5 gives all axes the same spread (full whitening), 0 only turns.
    """

    mean: np.ndarray
    components: np.ndarray
    eigenvalues: np.ndarray
    power: float = 0.5
    kind = "pca_whiten"

    def __post_init__(self) -> None:
        check_number("power", self.power, 0, 1)
        _check_shapes(self.mean, self.components)
        if self.eigenvalues.shape != self.components.shape[:1] or not (self.eigenvalues > 0).all():
            raise bad("eigenvalues", f"shape {self.eigenvalues.shape}", f"{len(self.components)} numbers above 0")

    def _change(self, X: np.ndarray) -> np.ndarray:
        return _turned(X, self.mean, self.components, self.eigenvalues**-self.power)

    @staticmethod
    def fit(
        vectors_ND: Any,
        dim: int | None = None,
        *,
        power: float = 0.5,
        shrinkage: float | str = "auto",
        floor: float = 1e-6,
    ) -> "PCAWhiten":
        """Learn the mean and the axes. O(n d^2 + d^3) time, O(d^2) memory beside the vectors.

        Args:
            vectors_ND: (n, d), n at least 10.
            dim: how many axes; by default all, or a quarter of n where `shrinkage` is 0 and n is at most d.
            power: see the class.
            shrinkage: share s in [0, 1] of the identity in (1 - s) C + s (trace C / d) I; `auto` is Ledoit and Wolf's.
            floor: axes with less than this share of the largest variance are left out.

        Raises:
            InputError: too few rows (without shrinkage they must be more than `dim`), rows that are all equal, NaN.
        """
        X = check_matrix("vectors", vectors_ND, min_rows=LEAST)
        n, d = X.shape
        check_number("floor", floor, 0, 1)
        if dim is None:
            dim = max(1, n // 4) if shrinkage == 0 and n <= d else d
        check_number("dim", dim, 1, d, whole=True)
        if shrinkage == 0 and n <= dim:
            raise bad("vectors", f"{n} rows", f"more than dim = {dim}", "Give more, a lower dim, or shrinkage 'auto'.")
        mean = X.mean(axis=0, dtype=np.float64)
        covariance = _covariance(n, lambda rows: (X[rows] - mean, 1.0), n, shrinkage, mean)
        values, axes = _principal(covariance, dim)
        kept = values > floor * values[0]
        mean, axes, values = (part.astype(np.float32) for part in (mean, axes[kept], values[kept]))
        return PCAWhiten(mean, axes, values, float(power))


@dataclass(frozen=True, eq=False)
class LearnedWhiten(Step):
    """A linear map that makes small how pictures of the same thing differ: projection (x - mean).

    Mikolajczyk and Matas 2007, "Improving descriptors for fast tree matching by optimal linear projection", ICCV, as
    in Radenovic et al. 2018, arXiv 1711.02512: C_S = sum over pairs of the same thing of (a - b)(a - b)^T, then the
    principal axes of C_S^(-1/2) (x - mean). Unlike there C_S is drawn towards the identity, as above.

    Attributes:
        mean: (d,).
        projection: (dim, d).
    """

    mean: np.ndarray
    projection: np.ndarray
    kind = "learned_whiten"

    def __post_init__(self) -> None:
        _check_shapes(self.mean, self.projection)

    def _change(self, X: np.ndarray) -> np.ndarray:
        return _turned(X, self.mean, self.projection)

    @staticmethod
    def fit(
        vectors_ND: Any, labels: Any, dim: int | None = None, *, shrinkage: float | str = "auto"
    ) -> "LearnedWhiten":
        """Learn from vectors (n, d) and labels (n,), equal where the same thing is seen. O(n d^2 + d^3).

        A group of m has m (m - 1) / 2 pairs; they are never listed.

        Args:
            vectors_ND: (n, d).
            labels: which thing each row shows; one that occurs once adds to the mean and the axes alone.
            dim: how many axes; by default all.
            shrinkage: as in `PCAWhiten.fit`.

        Raises:
            InputError: fewer than 10 rows more than groups (without shrinkage fewer than d), rows of each group that
                are all equal, NaN.
        """
        X = check_matrix("vectors", vectors_ND, min_rows=LEAST)
        n, d = X.shape
        groups = np.unique(check_labels("labels", labels, n), return_inverse=True)[1]
        dim = d if dim is None else int(check_number("dim", dim, 1, d, whole=True))
        sizes = np.bincount(groups)
        free, least = n - len(sizes), max(d, LEAST) if shrinkage == 0 else LEAST
        if free < least:
            raise bad(
                "labels",
                f"{n} rows in {len(sizes)} groups",
                f"at least {least} rows more than groups",
                "A group is two or more vectors of the same thing.",
            )
        centres = np.zeros((len(sizes), d))
        np.add.at(centres, groups, X)
        centres /= sizes[:, None]

        def apart(rows: slice) -> tuple[np.ndarray, np.ndarray]:
            # the pairs of a group of m have together m times the scatter about its centre; m / (m - 1) makes the
            # fourth powers of its m rows those of m - 1 independent ones
            m = sizes[groups[rows]].astype(float)
            return (X[rows] - centres[groups[rows]]) * np.sqrt(m)[:, None], m / np.maximum(m - 1, 1)

        mean = X.mean(axis=0, dtype=np.float64)
        values, axes = _principal(_covariance(n, apart, free, shrinkage, mean), d)
        if values[-1] <= 1e-9 * values[0]:
            raise bad("vectors", "directions in which no two of a group differ", "pairs that differ in all directions")
        root = (axes.T / np.sqrt(values)) @ axes
        spread = _covariance(n, lambda rows: ((X[rows] - mean) @ root, 1.0), n, 0, mean)
        return LearnedWhiten(mean.astype(np.float32), (_principal(spread, dim)[1] @ root).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Chain(Step):
    """Steps one after another; chains inside are laid open.

    >>> Chain((Power(0.5), L2())).apply([[9.0, -16.0]])
    array([[ 0.6, -0.8]])
    """

    steps: tuple[Step, ...]
    kind = "chain"

    def __post_init__(self) -> None:
        parts = [step.steps if isinstance(step, Chain) else (step,) for step in self.steps]
        object.__setattr__(self, "steps", tuple(step for part in parts for step in part))
        if not self.steps:
            raise bad("steps", "none", "at least one step")

    def _change(self, X: np.ndarray) -> np.ndarray:
        for step in self.steps:
            X = step.apply(X)
        return X

    def state(self) -> dict[str, np.ndarray]:
        """The fields of all steps, named PLACE.KIND.FIELD; an empty PLACE.KIND. for a step without any."""
        found: dict[str, np.ndarray] = {}
        for place, step in enumerate(self.steps):
            own = step.state() or {"": np.zeros(0, np.float32)}
            found |= {f"{place}.{step.kind}.{name}": value for name, value in own.items()}
        return found

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> "Chain":
        """The chain whose `state` this was."""
        parts: dict[tuple[int, str], dict[str, np.ndarray]] = {}
        for key, value in state.items():
            place, _, rest = key.partition(".")
            kind, _, name = rest.partition(".")
            if not place.isdigit():
                raise bad("state", repr(key), "names as PLACE.KIND.FIELD")
            parts.setdefault((int(place), check_choice("kind", kind, _KINDS)), {}).update({name: value} if name else {})
        return cls(tuple(_KINDS[kind].from_state(parts[place, kind]) for place, kind in sorted(parts)))


_KINDS: dict[str, type[Step]] = {step.kind: step for step in (L2, Power, PCAWhiten, LearnedWhiten)}


def fit_whitening(vectors_ND: Any, labels: Any = None, dim: int | None = None, seed: int = 0) -> Chain:
    """Length 1, whitening, length 1, learned from a collection's own vectors: what to do before searching by cosine.

    Args:
        vectors_ND: (n, d), n at least 10.
        labels: (n,) which thing each row shows, where that is known: then the map is `LearnedWhiten`. Classes are
            not things: pictures of two cats differ in what tells one cat from the other.
        dim: numbers a vector keeps; by default all, since fewer cost recall.
        seed: draws 100,000 rows (whole groups, where there are labels) of a larger collection.

    Without labels variances are taken to the power of 0.25: half way to full whitening lost nowhere that we measured.

    Raises:
        InputError: as `PCAWhiten.fit` and `LearnedWhiten.fit`.
    """
    X = check_matrix("vectors", vectors_ND, min_rows=LEAST)
    groups = (
        np.arange(len(X))
        if labels is None
        else np.unique(check_labels("labels", labels, len(X)), return_inverse=True)[1]
    )
    if len(X) > _MOST:
        sizes = np.bincount(groups)
        order = numpy_rng(seed, "whitening").permutation(len(sizes))
        rows = np.isin(groups, order[np.cumsum(sizes[order]) - sizes[order] < _MOST])
        X, groups = X[rows], groups[rows]
    X = unit(X)
    learned = PCAWhiten.fit(X, dim, power=0.25) if labels is None else LearnedWhiten.fit(X, groups, dim)
    return Chain((L2(), learned, L2()))


def save(step: Step, folder: str | Path) -> Path:
    """Write a step or a chain to `transform.json` and a safetensors file beside it; an older pair goes when it stands.

    The JSON names the file by its content and comes last, so that at any moment the pair that it names is whole.
    """
    import torch

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chain = step if isinstance(step, Chain) else Chain((step,))
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in chain.state().items()}
    name = f"transform-{hash_tensors(tensors)[:12]}.safetensors"
    save_tensors(folder / name, tensors)
    kinds = [inner.kind for inner in chain.steps]
    write_json(folder / _CARD, {"regard_transform": _FORMAT, "steps": kinds, "tensors": name})
    for other in folder.glob("transform-*.safetensors"):
        if other.name != name:
            other.unlink(missing_ok=True)
    return folder


def load(folder: str | Path) -> Chain:
    """Read what `save` wrote.

    Raises:
        InputError: no such folder, damaged files, a newer format.
    """
    path = check_path("transform", folder, folder=True)
    card = read_json(check_path("transform", path / _CARD, folder=False))
    if not isinstance(card, dict) or not isinstance(card.get("tensors"), str):
        raise bad("transform", str(path / _CARD), "a file that transform.save wrote")
    if card.get("regard_transform") != _FORMAT:
        raise bad("transform", f"format {card.get('regard_transform')}", f"format {_FORMAT}", "Update regard.")
    tensors = load_tensors(inside(path, card["tensors"]))
    return Chain.from_state({name: value.numpy() for name, value in tensors.items()})


def _check_shapes(mean: np.ndarray, axes: np.ndarray) -> None:
    if mean.ndim != 1 or axes.ndim != 2 or axes.shape[1] != len(mean) or not len(axes):
        raise bad("mean and axes", f"shapes {mean.shape} and {axes.shape}", "(d,) and (dim, d)")


def _turned(X: np.ndarray, mean: np.ndarray, axes: np.ndarray, scale: Any = 1.0) -> np.ndarray:
    mean, turn = mean.astype(X.dtype), (axes.T * scale).astype(X.dtype)
    found = np.empty((len(X), len(axes)), X.dtype)
    for start in range(0, len(X), _ROWS):
        found[start : start + _ROWS] = (X[start : start + _ROWS] - mean) @ turn
    return found


def _covariance(
    n: int,
    rows_of: Callable[[slice], tuple[np.ndarray, Any]],
    count: int,
    shrinkage: float | str,
    mean: np.ndarray,
) -> np.ndarray:
    """Sum of r r^T / count over rows r, drawn towards the identity; `rows_of` also weighs their fourth powers."""
    if shrinkage != "auto":
        check_number("shrinkage", shrinkage, 0, 1)
    d = len(mean)
    total, fourth = np.zeros((d, d)), 0.0
    for start in range(0, n, _ROWS):
        rows, weights = rows_of(slice(start, start + _ROWS))
        total += rows.T @ rows
        fourth += float((weights * (rows**2).sum(axis=1) ** 2).sum())
    total /= count
    size = np.trace(total) / d
    if size <= 1e-24 * float((mean**2).max()):
        raise bad("vectors", "rows that are all equal", "vectors that differ", "Were they made of the same image?")
    share = shrinkage
    if share == "auto":
        square = float((total**2).sum())
        apart = square - d * size**2
        share = min(max((fourth / count - square) / count, 0.0) / apart, 1.0) if apart > 0 else 0.0
    return (1 - float(share)) * total + float(share) * size * np.eye(d)


def _principal(covariance: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Variances (dim,) and axes (dim, d), the largest first; each axis's largest number is positive."""
    values, axes = np.linalg.eigh(covariance)
    values, axes = values[::-1][:dim], axes.T[::-1][:dim]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return values, axes * np.sign(largest)
