"""What goes into a collection: columns of the table, where the vectors are from, and what does not belong there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ....core.checks import InputError, bad
from ....core.storage import hash_json
from ....representation.embeddings import Embeddings
from ....representation.representation import Representation
from ..store.protocol import OWN
from .metadata import kinds_of


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
            raise mismatch(argument, card, f"vectors of {named(theirs)}")


def check_representation(argument: str, card: Mapping[str, Any], representation: Representation) -> None:
    """Refuse a representation that did not make the collection of this card, before anything is embedded with it."""
    made = {"fingerprint": representation.fingerprint, "representation": representation.name}
    if card.get("fingerprint") and made["fingerprint"] != card["fingerprint"]:
        raise mismatch(argument, card, f"vectors of {named(made)}")


def mismatch(argument: str, card: Mapping[str, Any], got: str) -> InputError:
    """The error for vectors of another kind than the collection's."""
    return bad(
        argument,
        got,
        f"{card['dim']} dimensions of {named(card)}, as the index has",
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


def named(made: Mapping[str, Any]) -> str:
    """What to call what made vectors: its name, layer, precision and the beginning of its fingerprint."""
    layer = "" if made.get("layer") is None else f" at layer {made['layer']}"
    name = made.get("representation") or "a representation from elsewhere"
    low = f" in {made['precision']}" if made.get("precision") else ""
    # the same name with other weights is told apart by its fingerprint
    return f"{name}{layer}{low}" + (f" ({str(made['fingerprint'])[:8]})" if made.get("fingerprint") else "")
