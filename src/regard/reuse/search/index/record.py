"""What goes into a collection and what comes out: columns of the table, where vectors are from, hits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import InputError, bad
from ....core.storage import hash_json
from ....representation.embeddings import Embeddings
from ..store.protocol import OWN
from .metadata import kinds_of

MATCHES = 100  # of a verification that are given as plain values


@dataclass(frozen=True)
class Hit:
    """One result: which image, how similar, where it is and what it is called.

    Attributes:
        id: the image.
        score: of the search, or of the last re-ranking by vectors; by cosine -1 to 1.
        path: "" where it is not known.
        label: None where it is not known.
        stages: the score that the search and each re-ranking gave.
        verified: what spatial verification says (`verify.geometry.Verification`), where it looked.
        region: where the region lies that answers best (left, top, right, bottom in pixels), of a search by regions.
        chance: the share of results as good as this one that come by chance (`relevance.relevant`), where asked for.
    """

    id: str
    score: float
    path: str = ""
    label: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    verified: Any = None
    region: tuple[float, float, float, float] | None = None
    chance: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: of a verification whether it holds, the inliers, the box found in the hit, matches.

        Matches are x and y in the query, then in the hit, at most 100, evenly picked.
        """
        seen = self.verified
        box = seen.box.round(1).tolist() if seen is not None and seen.accepted and seen.box is not None else None
        about = {} if seen is None else {"verified": seen.accepted, "inliers": seen.inliers, "box": box}
        if box is not None:
            held = seen.matches_xy[seen.inlier_mask]
            some = np.unique(np.linspace(0, len(held) - 1, min(MATCHES, len(held))).round().astype(int))
            about["matches"] = held[some].round(1).tolist()
        plain = {"id": self.id, "score": self.score, "path": self.path, "label": self.label}
        plain |= {} if self.region is None else {"region": [round(value, 1) for value in self.region]}
        plain |= {} if self.chance is None else {"chance": self.chance}
        return plain | ({"stages": dict(self.stages)} if self.stages else {}) | about


class Hits(list[list[Hit]]):
    """The results of each query, best first.

    Attributes:
        queries: their names.
        notes: what is to be said.
        strategy: how they were found: exact | sketch | ivf.
        recall: the share of the true ten nearest that the strategy finds in this collection, as measured; 1 if exact.
    """

    queries: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    strategy: str = "exact"
    recall: float = 1.0


@dataclass(frozen=True)
class Updated:
    """What an update did, as numbers of images.

    Attributes:
        new: embedded, and not there before.
        changed: another file now: embedded anew, or with the vector of an image with the same bytes.
        moved: under another id, with the vector that it had.
        copied: new, with the vector of an image with the same bytes.
        removed: no longer among the images.
        unchanged: left as they were.
        relabelled: the file is the same, its label or another column is not; they keep their vectors.
        set_aside: could not be read; what the collection had of them stays.
        notes: what is to be said of labels and columns: new ones, emptied ones, such as cannot be kept.
    """

    new: int = 0
    changed: int = 0
    moved: int = 0
    copied: int = 0
    removed: int = 0
    unchanged: int = 0
    relabelled: int = 0
    set_aside: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, int]:
        """The numbers, by name."""
        numbers = {name: value for name, value in asdict(self).items() if name != "notes"}
        return numbers | {"set_aside": len(self.set_aside)}


def origin(embeddings: Embeddings) -> dict[str, Any]:
    """What made the vectors, as far as is known: representation, where it was loaded from, its fingerprint, layer.

    And for vectors in int8 the `precision`, which names the calibration.
    """
    made = {key: embeddings.card.get(key) for key in ("representation", "loaded_from", "fingerprint", "layer")}
    precision = str(embeddings.card.get("precision") or "")
    # queries and further images must be embedded with the same calibration
    return made | ({"precision": precision} if precision.startswith("int8:") else {})


def meaning(card: Mapping[str, Any]) -> str:
    """Hash of what a collection's card says of its vectors; where the table and the representation are may change."""
    return hash_json([card.get(key) for key in ("dim", "metric", "fingerprint", "layer")])


def check_origin(argument: str, card: Mapping[str, Any], embeddings: Embeddings) -> None:
    """Refuse vectors that do not belong in the collection of this card: another length, representation or layer."""
    if embeddings.dim != card["dim"]:
        raise mismatch(argument, card, f"vectors of {embeddings.dim} dimensions")
    theirs = origin(embeddings)
    # vectors from elsewhere have no fingerprint: their length is all there is to check
    if theirs["fingerprint"] and card.get("fingerprint"):
        if any(theirs[key] != card.get(key) for key in ("fingerprint", "layer")):
            raise mismatch(argument, card, f"vectors of {_named(theirs)}")


def check_representation(argument: str, card: Mapping[str, Any], representation: Any) -> None:
    """Refuse a representation that did not make the collection of this card, before anything is embedded with it."""
    made = {"fingerprint": representation.fingerprint, "representation": representation.name}
    if card.get("fingerprint") and made["fingerprint"] != card["fingerprint"]:
        raise mismatch(argument, card, f"vectors of {_named(made)}")


def mismatch(argument: str, card: Mapping[str, Any], got: str) -> InputError:
    """The error for vectors of another kind than the collection's."""
    return bad(
        argument,
        got,
        f"{card['dim']} dimensions of {_named(card)}, as the index has",
        "Embed with the same representation, or make a new index.",
    )


def columns(embeddings: Embeddings, paths: Sequence[str | Path] | None) -> dict[str, Any]:
    """The columns of the store's table (n,) by name, without the vectors; unknown paths are "", unknown labels None.

    Further columns of the embeddings come along where their name can stand in a condition (`metadata.kinds_of`).
    """
    n = len(embeddings)
    given = embeddings.columns.get("path") if paths is None else paths
    if given is not None and len(given) != n:
        raise bad("paths", f"{len(given)} paths", f"one for each of the {n} images")
    found = {
        "id": [str(name) for name in embeddings.ids],
        "path": [""] * n if given is None else [str(path) for path in given],
        "label": [None] * n if embeddings.labels is None else [str(name) for name in embeddings.labels],
    }
    own = [name for name in OWN if name in embeddings.columns and name not in (*found, "vector")]
    return found | {name: embeddings.columns[name] for name in (*own, *kinds_of(embeddings.columns))}


def _named(made: Mapping[str, Any]) -> str:
    layer = "" if made.get("layer") is None else f" at layer {made['layer']}"
    name = made.get("representation") or "a representation from elsewhere"
    low = f" in {made['precision']}" if made.get("precision") else ""
    # the same name with other weights is told apart by its fingerprint
    return f"{name}{layer}{low}" + (f" ({str(made['fingerprint'])[:8]})" if made.get("fingerprint") else "")
