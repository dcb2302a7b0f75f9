"""`regard.decompose`: what an error is made of: approximation, estimation, optimisation."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from ..backbones.encoder import make_encoder
from ..core.checks import bad, check_number, check_output
from ..core.records import anything, read_record
from ..core.runtime import one_blas_thread
from ..core.storage import hash_json, new_folder, write_json
from ..data.imageset import ImageSet
from ..data.sampling import hold_out, one_part, parts
from ..learning.checkpoint import refuse_other
from ..pages.decompose import part_words, write_decomposition_page
from ..report.html import Table
from ..representation.embeddings import Embeddings
from ..representation.representation import Representation
from ..representation.sources import check_alike, load_vectors, settle_sides
from ..reuse.pairs import open_pair
from ..reuse.probe import _leaks, check_sides
from ..studies.decompose.decompose import decompose as study
from ..studies.decompose.given import Asked, linear_family, network_family
from ..studies.decompose.parts import Decomposition, Part
from ..studies.decompose.plan import rungs
from ._given import Rep, Words, check_machine, given_images, given_source, named, set_aside, whole_numbers, words
from ._result import Progress, Result, difference, verb, watch_of

RECORD, PAGE, CELLS = "decomposition.json", "report.html", "cells"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Decomposed(Result):
    """What an error is made of.

    Attributes:
        train, test: what was learned from, and what was scored on (None: a part of TRAIN).
        family: the family of learners in words.
        out: the folder of answers and page; None where none was asked for.
        command: what the page names as the command that made it.
        found: the parts, curves and advice.
    """

    verb: ClassVar[str] = "decompose"
    train: str
    test: str | None
    family: str
    out: Path | None
    command: str
    found: Decomposition

    def told(self) -> Mapping[str, object]:
        """What was asked, the parts, the curves, and the advice."""
        plan = self.found.plan
        return {
            "train": self.train,
            "test": self.test,
            "family": self.family,
            "capacity": plan.capacities[plan.capacity],
            "length": plan.lengths[plan.length],
            "parts": {
                name: {**one.found.as_dict(), "told": one.told, "why": one.why} for name, one in self._parts.items()
            },
            "by_size": [
                {
                    "capacity": name,
                    "sizes": list(curve.sizes),
                    "errors": [one.as_dict() for one in curve.errors],
                    "limit": None if curve.limit is None else curve.limit.as_dict(),
                    "exponent": curve.exponent,
                }
                for name, curve in zip(plan.capacities, self.found.by_size)
            ],
            "by_length": {name: one.as_dict() for name, one in zip(plan.lengths, self.found.by_length)},
            "advice": self.found.advice,
            **({"out": self.out} if self.out is not None else {}),
        }

    @property
    def _parts(self) -> Mapping[str, Part]:
        return self.found.parts

    def shown(self) -> Iterator[str | Table]:
        """The parts, then the advice."""
        plan = self.found.plan
        what = f"{plan.capacities[plan.capacity]}, {plan.lengths[plan.length]}, {plan.sizes[0]} images to learn from"
        rows = [[name, *part_words(one)] for name, one in self._parts.items()]
        error = self.found.error
        rows.append(["error, measured", f"{100 * error.mean:.1f}", error.told(100, 1)])
        yield Table(["part", "points", "95 % interval"], rows, what)
        yield from self.found.advice
        for note in self.notes:
            yield f"note: {note}"
        if self.out is not None:
            yield f"report: {self.out / PAGE}"

    def rows(self) -> Table:
        """A row for each part, with its ends as numbers."""
        rows = [[name, one["mean"] if told else None, one["low"], one["high"]] for name, one, told in self._numbers()]
        return Table(["part", "mean", "low", "high"], rows)

    def _numbers(self) -> Iterator[tuple[str, dict[str, Any], bool]]:
        for name, one in self._parts.items():
            yield name, one.found.as_dict(), one.told

    def write_page(self, path: Path) -> None:
        """The parts as a figure, three curves, the method, what it advises."""
        facts = {"command": self.command, "family": self.family}
        write_decomposition_page(path, self.found, self.family, notes=[str(one) for one in self.notes], facts=facts)


@verb
def decompose(
    train: object,
    test: object = None,
    *,
    with_: Rep | None = None,
    backbone: Words | None = None,
    axes: str | Sequence[int] = "",
    capacity: str | int | None = None,
    steps: int | None = None,
    cuts: int | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Decomposed:
    """Say what an error is made of: approximation, estimation, optimisation.

    The same learner learns from all of TRAIN, from halves and parts of these, with each capacity of its family and for
    several lengths of training. What more labels, more capacity and longer training would be worth follows from its
    errors on TEST, and from where these errors lead with endless samples. Each part has an interval over test images
    and training sets, and the doubt about the curve is in it; what cannot be told is called so.

    Args:
        train: labelled images as `open_images` takes them, an embeddings file, `Embeddings`, or (X, y).
        test: the same to be scored on; None: the part `test` of `train`, or else a quarter.
        with_: the representation (`--with`) whose frozen vectors a linear family learns on: a name, a folder, or a
            `Representation`; None: imagenet.
        backbone: networks that are trained from nothing in place of that: names with commas between them or a list,
            the largest last.
        axes: of a linear family: how many principal axes its members see; none: five, each half of the next.
        capacity: the member whose error is taken apart: its axes, or a network's name; None: the largest but one.
        steps: the length of training that is taken apart; None: 100 of gradient descent, 200 of networks.
        cuts: how often TRAIN is cut in halves; None: 8 of a linear family, 4 of networks.
        out: a new folder for answers and the page, or that of the same decomposition, which goes on.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the streams of events.

    Raises:
        InputError: no labels, a class with one image, too few images for four sizes, a capacity that is not in the
            family, images that are in both sets, or `out` holds something else.
        RunError: a training went wrong.
    """
    # all that can be wrong is told before anything is embedded
    folder = None if out is None else check_output("--out", out, folder=True, marker=RECORD)
    check_machine(device)
    if cuts is not None:
        check_number("--cuts", cuts, 3, whole=True)
    if steps is not None:
        check_number("--steps", steps, 1, whole=True)
    names, sizes = words(backbone or ()), whole_numbers("--axes", axes)
    if names and (with_ is not None or sizes):
        raise bad("--backbone", "--with or --axes too", "networks, or a linear family on vectors", "Name one of them.")
    watch, notes = watch_of(progress, "decompose"), list[str]()
    given: dict[str, object] = {"TRAIN": train} if test is None else {"TRAIN": train, "TEST": test}
    rep: Rep = "imagenet" if with_ is None else with_
    if names:
        asked = _networks(given, names, capacity, steps, cuts, device, seed, notes)
        aside: list[dict[str, str]] = []
    else:
        asked, aside = _linear(given, rep, sizes, capacity, steps, cuts, device, seed, notes, progress)
    kept = None if folder is None else _opened(folder, asked)
    with nullcontext() if names else one_blas_thread():
        found = study(asked.learner, asked.plan, folder=kept, content=asked.content, watch=watch)
    how = f"--backbone {','.join(names)}" if names else f"--with {named(rep)}"
    options = {"--axes": ",".join(map(str, sizes)), "--capacity": capacity, "--steps": steps, "--cuts": cuts}
    more = "".join(f" {name} {one}" for name, one in options.items() if one not in (None, ""))
    made = Decomposed(
        train=named(train),
        test=None if test is None else named(test),
        family=asked.family,
        out=folder,
        command=f"regard decompose {' '.join(named(one) for one in given.values())} {how}{more} --seed {seed}",
        found=found,
        metrics={**found.metrics, "train": len(asked.plan.labels), "test": found.by_length[0].n},
        notes=[*notes, *found.notes],
        set_aside=aside,
        differences=[
            difference(name, found.parts[name].found) for name in ("approximation", "estimation", "optimisation")
        ],
    )
    if folder is not None:
        made.write_page(folder / PAGE)
        write_json(folder / RECORD, {**made.to_dict(), "about": _about(asked), "finished": True})
    return made


def _linear(
    given: Mapping[str, object],
    rep: Rep,
    axes: Sequence[int],
    capacity: str | int | None,
    steps: int | None,
    cuts: int | None,
    device: str,
    seed: int,
    notes: list[str],
    progress: Progress | None,
) -> tuple[Asked, list[dict[str, str]]]:
    """A linear family on the vectors of both sides, and what was set aside."""
    if capacity is not None and not str(capacity).isdigit():
        raise bad("--capacity", repr(capacity), "a number of axes", "For example: --capacity 32.")
    sides: dict[str, Any] = {side: given_source(side, one) for side, one in given.items()}
    if "TEST" not in sides:
        whole = sides["TRAIN"]
        if isinstance(whole, Embeddings) and not parts(whole):
            raise bad("TEST", "nothing", "a second embeddings file", "A file of vectors is not split here.")
        sides["TRAIN"], sides["TEST"], said = hold_out(cast(ImageSet, whole), 0.25, seed)
        notes += said
    else:
        for side, one in list(sides.items()):
            sides[side], said = one_part(one, side.lower(), side)
            notes += said
    notes += check_sides(sides["TRAIN"], sides["TEST"], ["linear"])
    check_alike(sides, rep)
    if not all(isinstance(one, Embeddings) for one in sides.values()) and not isinstance(rep, Representation):
        rep = Representation.load(rep)
    rungs(sides["TRAIN"].need_labels("TRAIN"))
    precision = settle_sides("auto", list(sides.values()), rep, device=device)
    train, test = (
        load_vectors(
            sides[side], rep, argument=side, watch=watch_of(progress, side.lower()), precision=precision, device=device
        )
        for side in ("TRAIN", "TEST")
    )
    notes += _leaks(train, test)
    one = None if capacity is None else int(capacity)
    asked = linear_family(train, test, axes=axes, capacity=one, steps=steps, cuts=cuts, seed=seed)
    return asked, set_aside(train, test)


def _networks(
    given: Mapping[str, object],
    names: Sequence[str],
    capacity: str | int | None,
    steps: int | None,
    cuts: int | None,
    device: str,
    seed: int,
    notes: list[str],
) -> Asked:
    """Networks that learn from nothing."""
    for name in names:
        make_encoder(name)
    sides = [given_images(side, one) for side, one in given.items()]
    known, said, content = open_pair(sides[0], sides[1] if len(sides) > 1 else None, seed)
    notes += said
    chosen = None if capacity is None else str(capacity)
    return network_family(known, content, names, capacity=chosen, steps=steps, cuts=cuts, device=device, seed=seed)


def _opened(folder: Path, asked: Asked) -> Path:
    """The folder of answers; refuses that of other images or another family."""
    new_folder("--out", folder, marker=RECORD)
    if (folder / RECORD).exists():
        refuse_other("--out", folder, read_record(folder / RECORD, {"about": anything})["about"], _about(asked))
    else:  # so that the folder is known when this is stopped
        write_json(folder / RECORD, {"verb": "decompose", "about": _about(asked), "finished": False})
    (folder / CELLS).mkdir(exist_ok=True)
    return folder / CELLS


def _about(asked: Asked) -> dict[str, object]:
    return {"learner": dict(asked.learner.about), "images": hash_json([asked.content, asked.plan.labels.tolist()])}
