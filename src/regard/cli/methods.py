"""`regard methods`: what can be named where a command asks for a method."""

from typing import Annotated

import typer

from ._shared import Json, emit, table


def methods(
    kind: Annotated[str | None, typer.Argument(help="Only this kind, such as adapt.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the methods that can be named, by kind.

    A method is one file; methods of other installed packages are listed too.
    """
    from ..core.checks import check_choice
    from ..core.discover import KINDS, names, summary

    kinds = list(KINDS) if kind is None else [check_choice("KIND", kind, KINDS)]
    found = {each: {name: summary(each, name) for name in names(each)} for each in kinds}
    result = {"methods": found, "metrics": {each: len(found[each]) for each in kinds}}
    rows = [(each, name, line) for each, lines in found.items() for name, line in lines.items()]
    emit(result, json, lambda: table(["kind", "method", "what it does"], rows))
