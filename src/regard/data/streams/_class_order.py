"""In which order classes come, and which come together."""

from collections.abc import Sequence

from ...core.checks import bad, check_choice, check_number
from ...core.runtime import derive_seed
from .part import listed
from .task import named

Order = str | Sequence[str]
BY_SEED, SORTED = "seed", "sorted"


def class_order(classes: Sequence[str], order: Order = BY_SEED, seed: int = 0) -> list[str]:
    """The classes in the order in which they come: by a hash of the seed and each name, sorted, or as listed.

    By hash, one class more moves no other before another.

    Raises:
        InputError: a list that lacks a class, names one twice, or names one that is not there.

    >>> class_order(["a", "b", "c"]), class_order(["a", "b", "c"], seed=1), class_order(["a", "c"])
    (['b', 'a', 'c'], ['b', 'c', 'a'], ['a', 'c'])
    """
    if isinstance(order, str):
        check_choice("order", order, (BY_SEED, SORTED))
        return sorted(classes, key=lambda name: derive_seed(seed, "class order", name) if order == BY_SEED else name)
    names = [check_choice("order", str(name), classes) for name in listed("order", order)]
    left = sorted(set(classes) - set(names))
    if left or len(set(names)) < len(names):
        got = f"a list without {named(left)}" if left else "a class twice"
        raise bad("order", got, "each class once", "Say with `classes` which to keep.")
    return names


def class_groups(
    classes: Sequence[str],
    per_task: int,
    first: int | None,
    order: Order,
    groups: Sequence[Sequence[str]] | None,
    seed: int,
) -> list[list[str]]:
    """The classes of each task; the last one has those that are left. A class may be in several listed groups."""
    if groups is not None:
        if first is not None or order != BY_SEED:
            raise bad("groups", "groups beside `first` or `order`", "one of them")
        found = [[check_choice("groups", str(name), classes) for name in listed("groups", group)] for group in groups]
        empty = [place for place, group in enumerate(found, 1) if not group or len(set(group)) < len(group)]
        if not found or empty:
            raise bad(
                "groups", f"group {empty[0]} empty or with a class twice" if empty else "none", "lists of classes"
            )
        return found
    check_number("classes_per_task", per_task, 1, whole=True)
    names = class_order(classes, order, seed)
    start = per_task if first is None else check_number("first", first, 1, whole=True)
    if start > len(names):
        raise bad("classes_per_task" if first is None else "first", start, f"at most {len(names)}, all the classes")
    return [names[:start], *(names[at : at + per_task] for at in range(start, len(names), per_task))]
