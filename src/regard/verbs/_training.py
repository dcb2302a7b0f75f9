"""Options of trainings, of verbs that train a network beside others that do not."""

from collections.abc import Mapping
from typing import Any

from ..core.checks import bad
from ..learning.settings import TrainSettings


def given_settings(
    given: Mapping[str, Any], tuned: Mapping[str, Any], trains: bool, by: str, **more: Any
) -> tuple[TrainSettings, dict[str, Any]]:
    """What was said of a training, as `TrainSettings` and what is not among these; None is not said.

    Args:
        given: fields of `TrainSettings`.
        tuned: others, such as `layers`.
        trains: whether any method that was named trains.
        by: the option that names methods, for the message.
        **more: fields of `TrainSettings` that always have a value.

    Raises:
        InputError: something was said, and nothing trains.
    """
    said = {name: value for name, value in {**given, **tuned}.items() if value is not None}
    if said and not trains:
        name, value = next(iter(said.items()))
        fix = "Leave it out, or name a method such as replay; `regard methods learn` lists them."
        raise bad(f"--{name.replace('_', '-')}", value, f"{by} of which one trains a network", fix)
    settings = TrainSettings(**{name: value for name, value in said.items() if name in given}, **more)
    return settings, {name: value for name, value in said.items() if name in tuned}
