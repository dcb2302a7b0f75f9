"""`regard.shift`: how far two domains lie apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..adapt.shift.measure import Shift
from ..adapt.shift.measure import shift as measure
from ..report.html import Table
from ..representation.sources import check_alike, check_same_representation, load_vectors
from ._given import Rep, check_machine, given_source, named, set_aside
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Shifted(Result):
    """How far two domains lie apart.

    Attributes:
        source, target: what was compared.
        found: all measures, by class where both have labels.
    """

    verb: ClassVar[str] = "shift"
    source: str
    target: str
    found: Shift

    def told(self) -> Mapping[str, object]:
        """All measures."""
        return {**self.found.as_dict(), "source": self.source, "target": self.target}

    def shown(self) -> Iterator[str | Table]:
        """A measure a line, with what it says, and the classes that moved the most."""
        sizes = f"{self.source} ({self.metrics['source']}) against {self.target} ({self.metrics['target']})"
        rows = [(name, value, _MEANS[name]) for name, value in self.metrics.items() if name in _MEANS]
        yield Table(["measure", "value", "what it says"], rows, sizes)
        if self.found.per_class:
            worst = sorted(self.found.per_class.items(), key=lambda item: -item[1])[:10]
            moved = [(name, value, self.found.per_class_energy[name]) for name, value in worst]
            yield Table(["class", "MMD²", "energy"], moved, "classes that moved the most")
        for note in self.notes:
            yield f"note: {note}"


@verb
def shift(
    source: object,
    target: object,
    *,
    with_: Rep = "imagenet",
    permutations: int = 200,
    samples: int = 2000,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Shifted:
    """Measure the shift between two domains by several distances.

    0 says that the domains cannot be told apart; an A-distance of 2 that they always can. The p-value is the share of
    random relabellings of the domains that give at least the observed MMD.

    Args:
        source: images as `open_images` takes them, an embeddings file, `Embeddings`, an array (n, d), or (X, y) with
            labels, which serve for the shift of each class. It does not take several sources in a list.
        target: the same.
        with_: the representation (`--with`) of what is images: a name, a folder, or a `Representation`.
        permutations: random relabellings behind the p-value.
        samples: at most so many of each domain are measured.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: of what is drawn.
        progress: shows the streams of events.

    Raises:
        InputError: nothing to measure, or vectors that different representations made.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 4))
    >>> shift(x[:30], x[30:] + 3, permutations=20).metrics["a_distance"] > 1.5
    True
    """
    check_machine(device)
    sides = {side: given_source(side, one) for side, one in (("SOURCE", source), ("TARGET", target))}
    check_alike(sides, with_)
    a, b = (
        load_vectors(one, with_, argument=side, device=device, watch=watch_of(progress, side.lower()))
        for side, one in sides.items()
    )
    check_same_representation("TARGET", b, a)
    found = measure(a.vectors, b.vectors, a.labels, b.labels, seed=seed, permutations=permutations, max_samples=samples)
    metrics = {name: getattr(found, field) for name, field in _FIELDS.items()} | {"source": len(a), "target": len(b)}
    return Shifted(
        source=named(source),
        target=named(target),
        found=found,
        metrics=metrics,
        notes=found.notes,
        set_aside=set_aside(a, b),
    )


# metric -> field of `Shift`, in the order of the table
_FIELDS = {
    "mmd2": "rbf",
    "mmd2_unbiased": "rbf_unbiased",
    "mmd2_linear": "linear",
    "mmd2_multi": "multi",
    "mmd2_linear_time": "linear_time",
    "mmd2_linear_time_error": "linear_time_error",
    "p_value": "p_value",
    "energy": "energy",
    "energy_p": "energy_p",
    "coral": "coral",
    "wasserstein": "wasserstein",
    "sliced_wasserstein": "sliced",
    "a_distance": "a_distance",
    "a_distance_low": "a_distance_low",
    "a_distance_high": "a_distance_high",
    "label_shift": "label_shift",
}
_MEANS = {
    "a_distance": "0: a linear classifier cannot tell the domains apart; 2: always",
    "mmd2": "any difference, Gaussian kernel; 0 for equal samples",
    "p_value": "share of random relabellings with at least that MMD²; small: there is a shift",
    "mmd2_unbiased": "the same without the bias of few samples; about 0 without a shift",
    "mmd2_linear": "squared distance of the means",
    "mmd2_multi": "five bandwidths at once",
    "mmd2_linear_time": "unbiased, on all samples",
    "energy": "any difference, without a bandwidth",
    "energy_p": "as p_value, for the energy distance",
    "coral": "difference of the covariances",
    "wasserstein": "how far mass must travel; large with few samples in many dimensions",
    "sliced_wasserstein": "the same along random directions",
    "label_shift": "how far the class shares differ, 0 to 1",
}
