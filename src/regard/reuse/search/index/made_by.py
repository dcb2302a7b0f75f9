"""What made a collection's vectors, loaded again: a card that names it may be somebody else's, and fetches nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....backbones.offline import nothing_fetched
from ....core.checks import InputError, bad

if TYPE_CHECKING:
    from ....representation.representation import Representation


def made_by(card: Mapping[str, Any], given: "Representation | str | Path | None" = None) -> "Representation":
    """The representation that the user gives, by name or itself; else the one that a card names, from this machine.

    Args:
        card: with `loaded_from` or `representation`.
        given: a name, a folder, a `Representation`, or None.

    Raises:
        InputError: the card names none that is here; the user is asked to name it himself.
    """
    from ....representation.representation import Representation

    if given is not None:
        return given if isinstance(given, Representation) else Representation.load(given)
    wanted = str(card.get("loaded_from") or card.get("representation") or "")
    try:
        with nothing_fetched():
            return Representation.load(wanted)
    except InputError as error:
        name = card.get("representation") or "a representation from elsewhere"
        published = wanted.startswith(("timm:", "torchvision:"))
        fix = f"To fetch its weights, if you trust the index: --with {wanted}" if published else ""
        raise bad("--with", "none", f"the one that made the index's vectors ({name})", fix) from error
