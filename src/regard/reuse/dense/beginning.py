"""What a dense training begins with: a representation, one with a part of another's weights, or a finished run.

A run goes on in a new folder with its network and, where that is of the same kind, its head. Outputs belong to classes
by their names: those that both know keep theirs, whatever the order, and new classes begin anew.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ...backbones.encoder import Encoder
from ...core.checks import bad
from ...core.runtime import seeded_init
from ...core.storage import hash_tensors
from ...learning.partial import Report, begun_with, share_of, source_of
from ...representation.representation import Representation
from .anchors import Anchors
from .model import DenseModel
from .objective import Dense, OnPyramid

SAME = {"mask_rcnn": "faster_rcnn"}  # which is the other with a branch more
USUAL = 256  # pixels


@dataclass(frozen=True)
class Beginning:
    """What a training begins with.

    Attributes:
        start: whose network, name and preprocessing it has.
        encoder: a copy of the network, with what was put into it.
        told: what of it makes the run itself.
        before: the run that it goes on from.
        reports: what was taken from elsewhere, of the `network` and of the `head`.
        source: whose weights were put into the network.
    """

    start: Representation
    encoder: Encoder
    told: Mapping[str, Any]
    before: DenseModel | None = None
    reports: dict[str, Report] = field(default_factory=dict)
    source: Representation | None = None

    @property
    def parents(self) -> list[Representation]:
        """All that it has weights of: the pictures that these learned from are known to it."""
        return [self.start, *([self.source] if self.source is not None else [])]

    def settled(self, what: str, head: str | None, size: int | None, usual: str) -> tuple[str, int]:
        """The head and the side of the squares, where they are left open: those of the run before, or the usual."""
        known = None if self.before is None else self.before.objective
        kind = known.kind if known is not None and known.what == what else usual
        return head or kind, size or (USUAL if known is None else known.size)

    def anchors(self, kind: str) -> Anchors | None:
        """Those that the head of the run before has learned to move; None where it is of another kind."""
        known = None if self.before is None else self.before.objective
        return known.anchors if known is not None and _same(known.kind, kind) else None

    def take_head(self, objective: Dense, head: OnPyramid) -> None:
        """Put what fits of the head of the run before into a new one, and report it."""
        if self.before is not None:
            self.reports["head"] = head_from(self.before, self.start.name, objective, head)

    def card(self) -> dict[str, Any]:
        """The reports, for the run's card."""
        return {"begun_with": {part: one.as_dict() for part, one in self.reports.items()}} if self.reports else {}

    def lines(self) -> list[str]:
        """The reports in words."""
        return [f"{part}: {line}" for part, one in self.reports.items() for line in one.lines()]


def beginning(
    representation: Representation | str | Path,
    init_from: Representation | str | Path | None = None,
    init_layers: Sequence[str] | str = (),
    from_run: str | Path | None = None,
) -> Beginning:
    """See `train_events` for the arguments.

    Raises:
        InputError: a run and another network; layers of nothing; whatever does not fit.
    """
    if from_run is not None:
        if init_from is not None or init_layers or representation != "imagenet":
            raise bad("--from", f"{str(from_run)!r} and another network", "a run alone, which has a network of its own")
        before, start = DenseModel.load(from_run), Representation.load(from_run)
        told = {"from_run": [start.fingerprint, hash_tensors(before.head.state_dict())]}
        return Beginning(start, copy.deepcopy(start.encoder), told, before)
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    source, made = source_of(init_from, init_layers)
    if source is None:
        return Beginning(start, copy.deepcopy(start.encoder), {})
    filled, report = begun_with(start, source, init_layers)
    return Beginning(start, filled.encoder, made, reports={"network": report}, source=source)


def head_from(before: DenseModel, source: str, objective: Dense, head: OnPyramid) -> Report:
    """Put the tensors of a trained head into a new one: those that fit, and of outputs those of the same class.

    Args:
        before: the trained one.
        source: what to call it.
        objective: of the new one.
        head: changed in place.

    Returns:
        The report. A tensor with outputs of new classes counts as left, though it has the others' rows.
    """
    own, theirs = head.state_dict(), before.head.state_dict()
    known, wanted = before.objective.names, objective.names
    if not _same(before.objective.kind, objective.kind):
        why = f"{objective.kind}, there {before.objective.kind}"
        return Report(source, (), tuple((name, why) for name in own), 0.0)
    rows = _rows(objective, head)
    new = [name for name in wanted if name not in known]
    fresh = ", ".join(new)
    fits: dict[str, Tensor] = {}
    whole: list[str] = []
    left: dict[str, str] = {}
    for name, value in own.items():
        other = theirs.get(name)
        first, each = rows.get(name, (0, 0))
        if other is None:
            left[name] = "absent there"
        elif not each and other.shape == value.shape:
            fits[name] = other
            whole.append(name)
        elif each and other.shape == (each * (first + len(known)), *value.shape[1:]):
            fits[name] = _by_class(value, other, first, each, wanted, known)
            if new:
                left[name] = f"the outputs of {fresh}"
            else:
                whole.append(name)
        else:
            left[name] = "of another shape there"
    head.load_state_dict(fits, strict=False)
    return Report(source, tuple(whole), tuple(left.items()), share_of(own, whole))


def _same(kind: str, other: str) -> bool:
    return SAME.get(kind, kind) == SAME.get(other, other)


def _rows(objective: Dense, head: OnPyramid) -> dict[str, tuple[int, int]]:
    """Of the tensors with outputs for each class: how many others come first, and how many rows a class has.

    Read from a head for one class more: what grew is the classes'.
    """
    with seeded_init(0):
        more = replace(objective, names=(*objective.names, "\0")).head(head.pyramid.encoder)  # type: ignore[arg-type]
    larger, count = more.state_dict(), len(objective.names)
    found = {}
    for name, value in head.state_dict().items():
        each = len(larger[name]) - len(value) if value.ndim else 0
        if each:
            found[name] = (len(value) // each - count, each)
    return found


def _by_class(
    value: Tensor, other: Tensor, first: int, each: int, wanted: Sequence[str], known: Sequence[str]
) -> Tensor:
    mine, its = (one.clone().view(-1, each, *one.shape[1:]) for one in (value, other))
    mine[:first] = its[:first]
    for place, name in enumerate(wanted):
        if name in known:
            mine[first + place] = its[first + known.index(name)]
    return mine.view(value.shape)
