"""What one card says of its representation: what it is called, what it learned last, its scores, and its parent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from ..core.discover import names

MAIN = ("adapted", "accuracy")  # what a run is judged by, where it has it; else the first of its scores
NAMED, FRESH, MISSING = "named", "fresh", "missing"


@dataclass(frozen=True)
class Parent:
    """What a card calls its parent.

    Attributes:
        name: of a representation, or of a network with fresh weights.
        fingerprint: "" where the card tells none.
        kind: `named` (imagenet and others that are loaded by name), `fresh` (weights as they were drawn), or `missing`:
            a folder's, which must be among those that were found.
    """

    name: str
    fingerprint: str = ""
    kind: str = MISSING


@dataclass(frozen=True)
class Node:
    """One representation.

    Attributes:
        folder: its place below the folder that was looked through, with `/`; "." for that folder itself.
        name: as its card has it.
        fingerprint: "" where there is no card.
        task: what it learned last, such as rotation, labels or whitened.
        data: the name of the pictures that it learned from; "" where the card does not say.
        score: name of its main score; "" where there is none.
        scores: all that are numbers.
        parent: None where the card does not say.
        card: all of it.
    """

    folder: str
    name: str
    fingerprint: str = ""
    task: str = ""
    data: str = ""
    score: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    parent: Parent | None = None
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def scored(self) -> str:
        """The main score with its interval, as text; "" where there is none."""
        if not self.score:
            return ""
        value, low, high = (self.scores.get(self.score + end) for end in ("", "_low", "_high"))
        ends = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
        return f"{self.score} {value:.3f}{ends}"


def node_of(folder: str, card: Mapping[str, Any]) -> Node:
    """What a card says of its representation."""
    name, made = str(card.get("name") or Path(folder).name), str(card.get("made_by") or "")
    whitened, adapted = (
        one if isinstance(one, Mapping) else None for one in (card.get("whitened"), card.get("adapted"))
    )
    task = card.get("task")
    told = str(task.get("name") or "") if isinstance(task, Mapping) else str(task or "")
    scores, data = card.get("scores") or {}, card.get("data") or {}
    if whitened is not None:  # the other entries are those of what was whitened
        parent = Parent(name.partition(", ")[0], str(whitened.get("from") or ""))
        return Node(folder, name, str(card.get("fingerprint") or ""), "whitened", parent=_kind(parent), card=card)
    if adapted is not None:
        told, scores, data = f"adapt: {adapted.get('method', 'unknown')}", {}, {}
    elif told == "dense":
        told = name.partition("-")[0]
    elif not told:
        told = made.partition(" on ")[0].partition(" from ")[0]
    numbers = {key: float(one) for key, one in scores.items() if _is_number(one)}
    main = next((key for key in MAIN if key in numbers), next(iter(numbers), ""))
    if told.startswith(("learn: ", "forget: ")) and main not in MAIN:  # counts, which say nothing of how good it is
        main = ""
    return Node(
        folder,
        name,
        str(card.get("fingerprint") or ""),
        told,
        str(data.get("name") or ""),
        main,
        numbers,
        _parent(card.get("parent")),
        card,
    )


def _parent(told: object) -> Parent | None:
    if isinstance(told, Mapping):
        return _kind(
            Parent(str(told.get("name") or "a representation without a name"), str(told.get("fingerprint") or ""))
        )
    if isinstance(told, str) and told:
        return Parent(told, kind=FRESH) if told.startswith("random:") else _kind(Parent(told))
    return None


def _kind(parent: Parent) -> Parent:
    """The same, as `named` where it is a name that `Representation.load` takes."""
    front, colon, _ = parent.name.partition(":")
    known = (
        front in names("library") or front in set(names("representation")) - {"folder"}
        if colon
        else front == "imagenet"
    )
    return Parent(parent.name, parent.fingerprint, NAMED) if known else parent


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
