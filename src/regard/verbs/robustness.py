"""`regard.robustness`: what is left of an accuracy when pictures are corrupted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.checks import InputError, bad, check_choice, check_output
from ..data.corruptions import NAMES, SEVERITIES
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..learning.objective import Split
from ..pages.robustness import table, write_robustness_page
from ..report.html import Table
from ..representation.classifier import has_classifier
from ..representation.representation import Representation
from ..reuse.pairs import open_pair, readable
from ..studies._arms import check_leaks
from ..studies.robustness import Predict, Robustness, linear_on, own_classifier
from ..studies.robustness import robustness as study
from ._given import Rep, Words, check_machine, given_images, named, whole_numbers, words
from ._result import Progress, Result, difference, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Tested(Result):
    """What is left of an accuracy under corruptions.

    Attributes:
        run: what was asked.
        test: the pictures.
        train: what a linear classifier learned from, or None where the run's own was asked.
        against: what it is compared with, or None.
        out: the page that was written, or None.
        command: what the page names as the command that made it.
        found: the accuracies.
        other: those of `against`.
    """

    verb: ClassVar[str] = "robustness"
    run: str
    test: str
    train: str | None
    against: str | None
    out: Path | None
    command: str
    found: Robustness
    other: Robustness | None

    def told(self) -> Mapping[str, object]:
        """What was asked, of what, and the accuracies by corruption."""
        return {
            "run": self.run,
            "test": self.test,
            "train": self.train,
            "against": self.against,
            "severities": self.found.severities,
            "accuracy": self.found.accuracy,
            **({"out": self.out} if self.out is not None else {}),
        }

    def shown(self) -> Iterator[str | Table]:
        """A row for each corruption; then clean and corrupted, and how it compares."""
        yield table(self.found, self.run)
        yield f"mean corruption error {self.found.metrics['mean_corruption_error']:.3f}"
        if self.other is not None:
            gain = self.found.difference(self.other)
            yield f"{self.against}: clean {self.other.clean}, corrupted {self.other.corrupted}"
            mce = self.metrics["mce"]
            told = "" if mce is None else f"; mCE {mce:.3f}, below 1 is fewer mistakes"
            between = f"{gain.mean:+.3f} {gain.told(sign='+')}, {gain.verdict} of these two networks"
            yield f"against it under corruption: {between}{told}"
        for note in self.notes:
            yield f"note: {note}"
        if self.out is not None:
            yield f"report: {self.out}"

    def write_page(self, path: Path) -> None:
        """Bars by corruption, curves over severities, every figure."""
        others = {} if self.other is None or self.against is None else {self.against: self.other}
        facts = {"command": self.command, "clean pictures": self.found.clean.n}
        write_robustness_page(path, self.found, self.run, others, notes=[str(one) for one in self.notes], facts=facts)


@verb
def robustness(
    run: Rep,
    test: object,
    *,
    train: object = None,
    against: Rep | None = None,
    corruptions: Words = "all",
    severities: str | Sequence[int] = "1,2,3,4,5",
    out: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Tested:
    """Say what is left of an accuracy when pictures are corrupted: 15 corruptions at 5 severities.

    The run's own classifier is asked, or with `train` a linear one that learns from clean TRAIN on frozen vectors.
    The corrupted pictures are those of TEST, made on the way; none of them is learned from. With `against` another is
    asked of the same pictures: mCE is the mean over corruptions of its mistakes by the other's. A run that learned
    from TEST is refused.

    Args:
        run: the folder of a run with a classifier (finetune, create with the task `labels`, adapt), or with `train` any
            representation.
        test: labelled images: a folder, a table, `builtin:NAME`, an `ImageSet`, or (X, y). It does not take vectors.
        train: the same, for a linear classifier.
        against: what to compare with, given as `run` is.
        corruptions: all, or names, with commas between them or as a list.
        severities: of 1 to 5: "1,3,5" or a list.
        out: write a page to this .html.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: of the corruptions, and of the folds that choose the linear classifier's penalty.
        progress: shows the streams of events.

    Raises:
        InputError: no labels, no class that the run knows, no classifier and no `train`, unknown corruptions or
            severities, a run that learned from TEST.
    """
    # all that can be wrong is told before anything is embedded
    if out is not None:
        check_output("--out", out, ".html")
    check_machine(device)
    names, strengths = _corruptions(corruptions), _severities(severities)
    given = {"RUN": run, **({} if against is None else {"--against": against})}
    for argument, one in given.items():
        _check_run(argument, one, train is not None)
    notes: list[str] = []
    if train is None:
        opened, _ = readable(open_images(given_images("TEST", test), argument="TEST"), notes)
        opened.need_labels("TEST", 1)
        known = Split(opened.without_labels().subset(np.arange(0)), opened, False)
    else:
        known, notes, _ = open_pair(given_images("--train", train), given_images("TEST", test), seed)
    reps = [one if isinstance(one, Representation) else Representation.load(one) for one in given.values()]
    notes = [*notes, *check_leaks(reps, known)]
    scored: list[Robustness] = []
    for argument, rep in zip(given, reps):
        asked = _asked(argument, rep, known, train is not None, seed, device, notes)
        made = study(
            asked,
            known.held_out,
            corruptions=names,
            severities=strengths,
            seed=seed,
            watch=watch_of(progress, argument.strip("-").lower()),
        )
        scored.append(made)
    found, other = scored[0], scored[1] if against is not None else None
    metrics = _metrics(found, other, notes)
    more = {"train": train, "against": against}
    sides = "".join(f" --{key} {named(one)}" for key, one in more.items() if one is not None)
    made_by = f"{sides} --corruptions {','.join(names)} --severities {','.join(map(str, strengths))} --seed {seed}"
    tested = Tested(
        run=named(run),
        test=named(test),
        train=None if train is None else named(train),
        against=None if against is None else named(against),
        out=None if out is None else Path(out),
        command=f"regard robustness {named(run)} {named(test)}{made_by}",
        found=found,
        other=other,
        metrics=metrics,
        notes=list(dict.fromkeys(notes)),
        differences=[] if other is None else [difference("against", found.difference(other))],
    )
    if tested.out is not None:
        tested.write_page(tested.out)
    return tested


def _corruptions(given: Words) -> list[str]:
    names = words(given)
    if names == ["all"]:
        return list(NAMES)
    if not names:
        raise bad("--corruptions", "none", "all, or names")
    return [check_choice("--corruptions", one, ("all", *NAMES)) for one in dict.fromkeys(names)]


def _severities(given: str | Sequence[int]) -> list[int]:
    found = list(dict.fromkeys(whole_numbers("--severities", given)))
    if not found or any(one not in SEVERITIES for one in found):
        raise bad("--severities", repr(given), "some of 1 to 5", "For example: --severities 1,3,5.")
    return sorted(found)


def _check_run(argument: str, given: Rep, learns: bool) -> None:
    """Refuse what has no classifier, where none is learned."""
    folder = (given.loaded_from or "") if isinstance(given, Representation) else given
    if not learns and not has_classifier(folder):
        fix = "Name images to learn one from: --train TRAIN."
        raise bad(argument, repr(named(given)), "a run's folder with a classifier", fix)


def _asked(
    argument: str, rep: Representation, known: Split, learns: bool, seed: int, device: str, notes: list[str]
) -> Predict:
    """What gives labels; classes that it does not know are noted."""
    if learns:
        return linear_on(known.train, rep, seed=seed, device=device)
    asked, classes = own_classifier(rep.loaded_from or "", device=device)
    unknown = _unknown(argument, known.held_out, classes)
    if unknown:
        notes.append(unknown)
    return asked


def _unknown(argument: str, images: ImageSet, classes: Sequence[str]) -> str:
    strange = ~np.isin(images.need_labels("TEST", 1), classes)
    if strange.all():
        raise bad("TEST", "no class that it knows", f"some of the classes of {argument}: {', '.join(classes[:5])}")
    return f"{strange.mean():.1%} of TEST is of classes that {argument} does not know" if strange.any() else ""


def _metrics(found: Robustness, other: Robustness | None, notes: list[str]) -> dict[str, Any]:
    metrics: dict[str, Any] = {"images": found.clean.n, **found.metrics}
    for name, interval in (("clean", found.clean), ("corrupted", found.corrupted)):
        metrics |= {f"{name}_{end}": interval.as_dict()[end] for end in ("low", "high")}
    if other is None:
        return metrics
    metrics |= {f"against_{name}": other.metrics[name] for name in ("clean", "corrupted", "mean_corruption_error")}
    for name, relative in (("mce", False), ("relative_mce", True)):
        try:
            metrics[name] = found.against(other, relative=relative)
        except InputError as error:
            metrics[name] = None
            notes.append(f"no {name}: {error}")
    return metrics
