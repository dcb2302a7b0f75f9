"""Which methods a comparison of the four ways takes, by their names."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ....core.checks import InputError, bad, check_choice
from ....core.discover import names
from ....representation.representation import Representation
from ...deep.contract import DeepMethod
from ...deep.plan import check_methods
from ...deep.run import OBJECTIVE, candidates

# where nobody names others
USUAL: dict[str, tuple[str, ...]] = {"adapt": ("coral", "transport", "auto"), "deep": ("adabn", "dann", "mcc", "shot")}


def named(kind: str, given: Iterable[str] | None) -> tuple[list[str], bool]:
    """Names of methods of a kind, and whether one that cannot be run is left out with a note."""
    more = ["auto"] if kind == "adapt" else []
    if given is None:
        return list(USUAL[kind]), True
    chosen = [*dict.fromkeys(given)]
    if chosen == ["all"]:
        return [*names(kind), *more], True
    for name in chosen:
        check_choice("--methods", name, (*more, *names(kind)), see="regard methods adapt")
    return chosen, False


def networks_of(
    wanted: Sequence[str],
    forgiving: bool,
    chosen: dict[str, Mapping[str, Any]],
    shared: Mapping[str, Any],
    start: Representation,
    layers: str,
) -> tuple[dict[str, dict[str, DeepMethod]], list[str]]:
    """Deep methods by name, each at its weights; and why others were left out.

    Args:
        wanted: their names.
        forgiving: whether one that cannot adapt the network is left out.
        chosen: method -> its settings.
        shared: settings of the objective.
        start: the representation.
        layers: what of it learns.

    Raises:
        InputError: an unknown name or setting; a method that was named and cannot adapt the network.
    """
    for name, own in chosen.items():
        check_choice("chosen", name, wanted)
        for key in set(OBJECTIVE) & set(own):
            raise bad(f"chosen[{name!r}]", key, "settings of the method", "Put it into `objective`: all share it.")
    found, notes = {}, []
    for name in wanted:
        methods, _ = candidates(name, {**shared, **chosen.get(name, {})})
        try:
            check_methods(methods.values(), name, start, layers)
        except InputError as error:
            if not forgiving:
                raise
            notes.append(f"{name} left out: {error}")
            continue
        found[name] = methods
    return found, notes
