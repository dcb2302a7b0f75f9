"""Representations by name: each kind of names is a file in `kinds/`, found by discovery."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.checks import bad
from ..core.discover import load, names

if TYPE_CHECKING:
    from .representation import Representation


@dataclass(frozen=True)
class NameKind:
    """A kind of names of representations, `KIND` or `KIND:REST`: the `Method` of a file in `kinds/`.

    Attributes:
        load: what follows the colon, or nothing, to a representation.
        alone: whether `KIND` without a colon is such a name.
        form: how a name looks, for messages; empty where they need not tell of it.
    """

    load: "Callable[[str], Representation]"
    alone: bool = False
    form: str = ""


def named(name: str | Path, device: str = "cpu") -> "Representation":
    """The representation of a name, as `Representation.load` says."""
    text = str(name)
    whole, at, layer = text.rpartition("@")
    known, rest = _kind(text)
    if at and layer and not Path(text).expanduser().is_dir() and (_kind(whole)[0] or Path(whole).expanduser().is_dir()):
        return named(whole, device).at(layer)
    if known is not None:
        if rest == "" and text.isidentifier() and (Path(text) / "config.json").is_file():
            both = f"the name of a representation that is built in, and a folder that holds one ({text!r})"
            raise bad("representation", both, "one of the two", f"Say ./{text} for the folder, or {text}: otherwise.")
        found = known.load(rest)
    elif Path(text).expanduser().is_dir():
        found = load("representation", "folder").load(text)
    else:
        raise bad(
            "representation",
            repr(text),
            ", ".join(_forms()) + ", or a folder that `regard create` made (each also as NAME@LAYER)",
            "There is no such folder." if "/" in text or "." in text else f"For a network use random:{text}.",
        )
    found.encoder.eval().to(device)
    found.loaded_from = str(Path(text).expanduser().resolve()) if Path(text).expanduser().is_dir() else text
    return found


def _kind(text: str) -> tuple[NameKind | None, str]:
    """The kind of names that a text is of, and what it loads; None where it is of none."""
    kind, colon, rest = text.partition(":")
    if colon and kind in names("library"):
        kind, rest = "library", text
    known: NameKind | None = load("representation", kind) if kind in names("representation") else None
    return (known if known is not None and (colon or known.alone) else None), rest


def _forms() -> list[str]:
    """How names of representations look, by kind and library."""
    kinds: list[NameKind] = [load("representation", kind) for kind in names("representation")]
    return [kind.form for kind in kinds if kind.form] + [f"{library}:NETWORK" for library in names("library")]
