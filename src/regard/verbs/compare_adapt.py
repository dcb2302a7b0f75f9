"""`regard.compare_adapt`: every adaptation method on one pair of domains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..adapt.classifier import CLASSIFIERS
from ..adapt.worth.comparison import Comparison
from ..adapt.worth.run import check_target, compare
from ..core.checks import bad, check_choice, check_number, check_output
from ..core.discover import names
from ..pages.compare_adapt import write_adaptation_page
from ..report.html import Table
from ..representation.embeddings import Embeddings
from ._compare_ways import WaysCompared, compare_networks
from ._domains import comparison_table, differences, embedded
from ._given import Rep, Words, check_machine, given_source, named, set_aside, several, words
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Compared(Result):
    """What each adaptation method was worth.

    Attributes:
        source, target: what was compared.
        report: the page that was written, or None.
        found: a row for each method, the shift, and what auto chose.
        vectors: of both domains, for the map on the page.
        command: what the page names as the command that made it.
        seed: of the samples on the map.
        classifier: on top of every method.
    """

    verb: ClassVar[str] = "compare-adapt"
    source: str
    target: str
    report: Path | None
    found: Comparison
    vectors: tuple[Embeddings, Embeddings]
    command: str
    seed: int
    classifier: str

    def told(self) -> Mapping[str, object]:
        """What was compared, the interval of each accuracy, and what auto took."""
        return {
            "source": self.source,
            "target": self.target,
            "intervals": {row.name: row.accuracy.as_dict() for row in self.found.rows},
            **({"auto": self.found.choice.name} if self.found.choice is not None else {}),
            **({"report": self.report} if self.report is not None else {}),
        }

    def shown(self) -> Iterator[str | Table]:
        """A line for each method, with its verdict."""
        yield from self.found.table().split("\n")
        if self.report is not None:
            yield f"report: {self.report}"

    def blocks(self) -> Iterator[str | Table]:
        """The same as a table."""
        yield self.rows()
        for note in self.notes:
            yield f"note: {note}"

    def rows(self) -> Table:
        """A row for each method, with its accuracy, its gain and the verdict."""
        return comparison_table(self.found)

    def write_page(self, path: Path) -> None:
        """What each method was worth and cost, and a map before and after."""
        page: dict[str, Any] = {"command": self.command, "seed": self.seed, "classifier": self.classifier}
        write_adaptation_page(self.found, *self.vectors, path, **page)


@verb
def compare_adapt(
    source: object,
    target: object,
    *,
    methods: Words | None = None,
    with_: Rep = "imagenet",
    classifier: str = "linear",
    seeds: int | None = None,
    share: float | None = None,
    shots: int = 0,
    auto: bool = True,
    deep: bool = False,
    by: str | None = None,
    layers: str | None = None,
    backbone_lr_factor: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    precision: str | None = None,
    out: str | Path | None = None,
    no_resume: bool = False,
    report: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Compared | WaysCompared:
    """Compare adaptation methods on one pair of domains.

    TARGET's labels serve for the score, for the oracle and, with `shots`, for the few that the methods may see. Each
    draw learns from a part of SOURCE: by default its two halves, cut anew ten times. Intervals are over target samples
    and draws, and "no gain" is said where that of the difference includes 0.

    With `deep`, networks learn, too: shallow methods on the features as they are, the network fine-tuned on SOURCE and
    then applied, the same shallow methods on its features, and deep adaptation, against a network that learned from
    TARGET's labels. Intervals are then over target samples and seeds. The arguments from `by` to `no_resume` are for
    these networks alone.

    Args:
        source: labelled images as `open_images` takes them, an embeddings file, `Embeddings`, or (X, y) with X (n, d).
            It does not take anything without labels.
        target: the same.
        methods: all, or names, with commas between them or as a list; `auto` may be one. None: all; with `deep` coral,
            transport, adabn, dann, mcc and shot.
        with_: the representation (`--with`) of what is images: a name, a folder, or a `Representation`.
        classifier: on top: 1nn, linear, svm, or own (each method's own).
        seeds: so many draws of the source, and of the labels of `shots`; None: 20, or 3 networks of each kind.
        share: the share of each source class that a draw takes; None: 0.5, or 1 with `deep`.
        shots: target labels of each class that the methods know.
        auto: let auto choose, too.
        deep: networks learn, too; both sides are then images.
        by: what chooses among a network's weights, without target labels; None: circular.
        layers: what of the network learns: all, head, last:N or lora:R; None: all.
        backbone_lr_factor: the network's rate is this times the classifier's; None: 0.1.
        epochs: passes over `source` of each training.
        steps: steps, instead of epochs.
        batch: images of each domain a step; None: from the data.
        lr: highest learning rate, of the classifier; None: 0.002.
        precision: auto | fp32 | bf16; None: auto.
        out: a folder in which what is done is kept, so that a run that was stopped goes on.
        no_resume: start anew there.
        report: write a page with pictures to this .html.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: the first draw's.
        progress: shows the streams of events.

    Raises:
        InputError: no labels, one class, no class in common, unknown names, vectors of different representations.
    """
    # all that can be wrong is told before anything is embedded
    if report is not None:
        check_output("--report", report, ".html")
    check_choice("--classifier", classifier, (*CLASSIFIERS, "own"))
    check_number("--share", 1.0 if share is None else share, 0, 1, open_low=True)
    check_machine(device)
    chosen = None if methods is None else [name for text in several(methods) for name in words(text)]
    if chosen is not None and "all" in chosen and len(chosen) > 1:
        raise bad("--methods", ", ".join(chosen), "all, or names")
    training = {"epochs": epochs, "steps": steps, "batch": batch, "lr": lr, "precision": precision}
    if deep:
        return compare_networks(
            source,
            target,
            chosen,
            with_,
            classifier=classifier,
            seeds=3 if seeds is None else seeds,
            seed=seed,
            share=1.0 if share is None else share,
            shots=shots,
            auto=auto,
            by=by or "circular",
            layers=layers or "all",
            backbone_lr_factor=0.1 if backbone_lr_factor is None else backbone_lr_factor,
            out=out,
            no_resume=no_resume,
            report=report,
            settings={key: value for key, value in training.items() if value is not None} | {"device": device},
            progress=progress,
        )
    own = {"by": by, "layers": layers, "backbone_lr_factor": backbone_lr_factor, "out": out}
    for argument, value in (own | training | {"no_resume": no_resume or None}).items():
        if value is not None:
            raise bad(f"--{argument.replace('_', '-')}", value, "it with --deep, where networks learn")
    chosen, seeds, share = chosen or ["all"], 20 if seeds is None else seeds, 0.5 if share is None else share
    for name in chosen:
        if name in names("deep"):
            raise bad("--methods", name, "it with --deep, as it trains a network")
        check_choice("--methods", name, ("all", "auto", *names("adapt")), see="regard methods adapt")
    sides = {side: given_source(side, one) for side, one in (("SOURCE", source), ("TARGET", target))}
    labels = check_target(sides["SOURCE"], sides["TARGET"])
    if shots and all(labels.tolist().count(name) < 2 for name in set(labels.tolist())):
        raise bad("--shots", shots, "classes with at least 2 target samples, of which one is scored")
    a, b = embedded(sides, with_, device, progress)
    found = compare(
        a,
        b,
        None if chosen == ["all"] else [*dict.fromkeys(chosen)],
        classifier=classifier,
        seeds=range(seed, seed + seeds),
        share=share if seeds > 1 else 1.0,
        shots=shots,
        auto=auto,
        watch=watch_of(progress, "adapt"),
    )
    asked = f"--with {named(with_)} --seeds {seeds} --share {share} --shots {shots}"
    made = Compared(
        source=named(source),
        target=named(target),
        report=None if report is None else Path(report),
        found=found,
        vectors=(a, b),
        command=f"regard compare-adapt {named(source)} {named(target)} {asked}",
        seed=seed,
        classifier=classifier,
        metrics=found.metrics() | {"source": len(a), "target": len(b)},
        notes=found.notes,
        set_aside=set_aside(a, b),
        differences=differences(found),
    )
    if made.report is not None:
        made.write_page(made.report)
    return made
