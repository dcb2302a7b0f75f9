"""`regard.probe`: what frozen vectors know of the labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, cast

import numpy as np

from ..core.checks import bad, check_choice, check_number
from ..data.imageset import ImageSet
from ..data.sampling import hold_out, one_part, parts
from ..metrics.intervals import Interval
from ..report.html import Table
from ..representation.embeddings import Embeddings
from ..representation.representation import Representation
from ..representation.sources import check_alike, load_vectors, settle_sides
from ..reuse.probe import LayersResult, ProbeResult, check_sides, probe_layers
from ..reuse.probe import probe as run
from ._given import Rep, Words, at_layer, check_machine, given_source, named, set_aside, whole_numbers, words
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Probed(Result):
    """What a probe found.

    Attributes:
        train, test, with_: what it was asked of.
        found: intervals, predictions and settings; by layer where layers were asked for.
    """

    verb: ClassVar[str] = "probe"
    train: str
    test: str | None
    with_: str
    found: ProbeResult | LayersResult

    @property
    def intervals(self) -> Mapping[str, Interval]:
        """The accuracies with their 95 % intervals; of layers, of the one that is best by cross-validation."""
        return self._one.intervals

    @property
    def predictions(self) -> Mapping[str, np.ndarray]:
        """The predicted labels (test,) by classifier, for confusion and paired differences."""
        return self._one.predictions

    @property
    def _one(self) -> ProbeResult:
        return self.found.by_layer[self.found.best] if isinstance(self.found, LayersResult) else self.found

    def told(self) -> Mapping[str, object]:
        """What was asked, and the intervals or layers."""
        return {"train": self.train, "test": self.test, "with": self.with_, **self.found.as_dict()}

    def shown(self) -> Iterator[str | Table]:
        """An accuracy a line, with its interval, or a layer a line."""
        if isinstance(self.found, LayersResult):
            rows = [(name, one.metrics["linear"], one.metrics["knn"]) for name, one in self.found.by_layer.items()]
            title = f"best layer by cross-validation: {self.found.best}; last: {self.found.last}"
            yield Table(["layer", "linear", "knn"], rows, title)
            return
        counts = {name: f"{self.metrics[name]:.0f}" for name in ("classes", "train", "test")}
        title = f"{counts['classes']} classes, {counts['train']} to learn from, {counts['test']} to score on"
        values = [(name, f"{value.mean:.3f}", value.told()) for name, value in self.found.intervals.items()]
        yield Table(["accuracy", "value", "95 % interval"], values, title)
        yield f"always the commonest class: {self.metrics['majority']:.3f}"
        for note in self.notes:
            yield f"note: {note}"

    def rows(self) -> Table:
        """A row for each accuracy with its ends as numbers, or for each layer."""
        if isinstance(self.found, LayersResult):
            return super().rows()
        ends = {name: value.as_dict() for name, value in self.found.intervals.items()}
        rows = [(name, one["mean"], one["low"], one["high"]) for name, one in ends.items()]
        return Table(["accuracy", "mean", "low", "high"], rows)


@verb
def probe(
    train: object,
    test: object = None,
    *,
    with_: Rep = "imagenet",
    layer: str | int | None = None,
    classifier: Words = "linear,knn",
    shots: str | list[int] | tuple[int, ...] = "",
    seeds: int = 3,
    layers: bool = False,
    share: float = 0.25,
    by: str | None = None,
    precision: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Probed:
    """Say how good a representation is for a classification task.

    A linear classifier (its penalty chosen by cross-validation on TRAIN alone) and k nearest neighbours learn from the
    vectors of TRAIN and are scored on TEST, each with a 95 % interval. Images that are in both are refused.

    Args:
        train: labelled images as `open_images` takes them, an embeddings file, `Embeddings`, or (X, y) with X (n, d)
            vectors or images. It does not take anything without labels.
        test: the same for scoring; None takes a part of `train`, which must then be images, or have a column `split`.
        with_: the representation (`--with`) of what is images: a name, a folder, or a `Representation`.
        layer: end it at this layer, by its name or the place of its map; the same as `NAME@LAYER`.
        classifier: linear, knn, or both as "linear,knn" or a list.
        shots: also with so few labels a class: "1,5,10" or a list.
        seeds: draws for each of `shots`.
        layers: probe every layer of the network.
        share: of `train` that is the test set where `test` is not given.
        by: column whose values stay on one side of that split.
        precision: auto | fp32 (exact) | bf16 | int8.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: of the cut, of folds and draws.
        progress: shows the streams of events.

    Raises:
        InputError: no labels, one class, a test class that training lacks, a class too small for what is asked,
            vectors of another representation, or a sample that is in both sets.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 4)); y = np.where(x[:, 0] > 0, "right", "left")
    >>> probe((x[:40], y[:40]), (x[40:], y[40:])).metrics["linear"] > 0.8
    True
    """
    # all that can be wrong is told before anything is embedded
    counts, chosen = whole_numbers("--shots", shots), words(classifier)
    check_number("--share", share, 0, 1, open_low=True)
    check_machine(device)
    given = {"TRAIN": train} if test is None else {"TRAIN": train, "TEST": test}
    sides: dict[str, Any] = {side: given_source(side, one) for side, one in given.items()}
    if layers and any(isinstance(one, Embeddings) for one in sides.values()):
        raise bad("--layers", "an embeddings file", "images", "A file of vectors holds one layer.")
    if by is not None:
        check_choice("--by", by, sides["TRAIN"].columns)
    if layer is not None:
        if layers:
            raise bad("--layer", f"{layer!r} and --layers", "one of the two", "--layers probes every one.")
        with_ = at_layer(with_, layer)
    notes = _cut(sides, share, seed, by)
    check_sides(sides["TRAIN"], sides["TEST"], chosen, counts, seeds)
    check_alike(sides, with_)
    tested = None if test is None else named(test)
    made = partial(Probed, train=named(train), test=tested, with_=named(with_))
    rep = with_
    if not all(isinstance(one, Embeddings) for one in sides.values()) and not isinstance(with_, Representation):
        rep = Representation.load(with_)

    def vectors(side: str, **layer: int) -> Embeddings:
        watch = watch_of(progress, side.lower())
        one = settle_sides(precision, list(sides.values()), rep, device=device, **layer)
        return load_vectors(sides[side], rep, argument=side, watch=watch, precision=one, device=device, **layer)

    if layers:
        assert isinstance(rep, Representation)  # both sides are images, as was checked above
        names = [info.module for info in rep.encoder.feature_info]
        by_layer = {side: {name: vectors(side, layer=at) for at, name in enumerate(names)} for side in sides}
        every = probe_layers(by_layer["TRAIN"], by_layer["TEST"], seed=seed)
        aside = set_aside(*(next(iter(held.values())) for held in by_layer.values()))
        return made(found=every, metrics=every.metrics, notes=notes, set_aside=aside)
    learned, held_out = vectors("TRAIN"), vectors("TEST")
    found = run(learned, held_out, classifier=chosen, shots=counts, seeds=seeds, seed=seed)
    aside = set_aside(learned, held_out)
    return made(found=found, metrics=found.metrics, notes=[*notes, *found.notes], set_aside=aside)


def _cut(sides: dict[str, Embeddings | ImageSet], share: float, seed: int, by: str | None) -> list[str]:
    """Settle which rows are TRAIN and which TEST; what is to be noted of it."""
    if "TEST" not in sides:
        whole = sides["TRAIN"]
        if isinstance(whole, Embeddings) and not parts(whole):
            raise bad("TEST", "nothing", "a second embeddings file", "A file of vectors is not split here.")
        # vectors with a column `split` are parted by it, too
        sides["TRAIN"], sides["TEST"], notes = hold_out(cast(ImageSet, whole), share, seed, by)
        return notes
    told = []
    for side, one in list(sides.items()):
        sides[side], notes = one_part(one, side.lower(), side)
        told += notes
    return told
