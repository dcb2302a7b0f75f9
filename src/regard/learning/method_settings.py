"""A task's settings by name: which there are, and text from the command line as values of their types."""

from collections.abc import Mapping
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
    method = load("task", task)
    kinds, known = get_type_hints(method), setting_names(method)
    found = {}
    for name, text in (given or {}).items():
        check_choice("--set", name, known)
        found[name] = _typed(f"--set {name}", text, kinds[name])
    return found


def setting_names(method: Any) -> list[str]:
    """The fields of a method that a user may set: all but those that the data fill in."""
    return [field.name for field in fields(method) if "from_data" not in field.metadata]


def _typed(argument: str, text: Any, kind: Any) -> Any:
    if not isinstance(text, str):
        return text
    if get_origin(kind) is Literal:
        return check_choice(argument, text, [str(choice) for choice in get_args(kind)])
    if kind is bool:
        return check_choice(argument, text.lower(), ["true", "false"]) == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise bad(argument, repr(text), "a whole number" if kind is int else "a number") from None
    return text
