"""A task's settings by name: which there are, and text from the command line as values of their types."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..core.checks import bad, check_choice
from ..core.discover import load


def method_settings(task: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Turn a task's settings from text into the types of its fields.

    >>> method_settings("simclr", {"temperature": "0.2"})
    {'temperature': 0.2}
    >>> method_settings("simclr", {"temprature": "0.2"})
    Traceback (most recent call last):
    regard.core.checks.InputError: --set: expected one of temperature, width, recipe, candidates, got 'temprature'. \
Did you mean 'temperature'?
    """
    return typed_settings(load("task", task), given)


def typed_settings(method: Any, given: Mapping[str, Any] | None = None, more: Sequence[str] = ()) -> dict[str, Any]:
    """The same for any frozen dataclass of settings; `more` are names that belong to others, for the message alone.

    Raises:
        InputError: no such setting, or text that is none of its values.
    """
    kinds, known = get_type_hints(method), setting_names(method)
    found = {}
    for name, text in (given or {}).items():
        if name not in known:
            check_choice("--set", name, list(dict.fromkeys([*known, *more])))
        found[name] = _typed(f"--set {name}", text, kinds[name])
    return found


def setting_names(method: Any) -> list[str]:
    """The fields of a method that a user may set: all but those that the data fill in."""
    return [field.name for field in fields(method) if "from_data" not in field.metadata]


def _typed(argument: str, text: Any, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        # the command line reads `none` as None
        said = text if isinstance(text, str) else str(text).lower()
        return check_choice(argument, said, [str(choice) for choice in get_args(kind)])
    if not isinstance(text, str):
        return text
    if kind is bool:
        return check_choice(argument, text.lower(), ["true", "false"]) == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise bad(argument, repr(text), "a whole number" if kind is int else "a number") from None
    return text
