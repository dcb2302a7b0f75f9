"""What is asked of a creation, looked at before anything is read through."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.checks import bad, check_choice, check_number
from ..core.discover import load, names
from ..data.sources import open_images
from ..learning.held_out import check_by
from ..learning.objective import is_fitted


def of_a_training(**given: Any) -> dict[str, Any]:
    """Options of a training as `fitted_events` takes them: what was left at its default is None."""
    return {name.rstrip("_"): None if value in (None, False, "last") else value for name, value in given.items()}


def check_asked(
    images: Any,
    tasks: Sequence[str],
    *,
    keep: str = "last",
    holdout: float = 0.1,
    method: Mapping[str, Any] | None = None,
    holdout_by: str | None = None,
    balanced: bool = False,
) -> None:
    """Refuse names, shares and images without labels that `train` would refuse; nothing is read through for it."""
    for task in tasks:
        check_choice("--task", task, names("task"), see="regard methods task")
    check_choice("--keep", keep, ["last", "best"])
    check_number("--holdout", holdout, 0.01, 0.5)
    opened = open_images(images, argument="IMAGES")
    check_by(opened, holdout_by)
    for task in tasks:
        objective: Any = load("task", task)(**method or {})
        if is_fitted(task):  # to any images
            continue
        objective.check_images(opened)
        if balanced and objective.main != "accuracy":
            raise bad("--balanced", f"the task {task}, in which an image has several labels", "one label an image")
    if balanced:
        opened.need_labels("IMAGES")
