"""`regard methods`: what can be named where a command asks for a method."""

from typing import Annotated

import typer

from ._shared import Json, give


def methods(
    kind: Annotated[str | None, typer.Argument(help="Only this kind, such as adapt.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the methods that can be named, by kind.

    A method is one file; methods of other installed packages are listed too.
    """
    from ..verbs import methods as verb

    give(verb.methods(kind), json)
