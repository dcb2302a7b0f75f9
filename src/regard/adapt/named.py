"""Shallow methods by name."""

from typing import Any

from ..core.checks import check_choice
from ..core.discover import load
from .choose.auto import Auto
from .contract import ShallowAdapter


def adapter(name: str, **settings: Any) -> ShallowAdapter:
    """Make a shallow method by its name: a scikit-learn estimator with `fit(Xs, ys, Xt, yt=None)`.

    `auto` is the one that chooses among the others without target labels (see `regard.adapt.choose.auto`).

    Raises:
        InputError: no such method or setting; the nearest name is given.

    >>> adapter("coral", reg=0.5)
    Coral(reg=0.5)
    >>> adapter("coral", regularisation=0.5)
    Traceback (most recent call last):
    regard.core.checks.InputError: setting of coral: expected one of center, classifier, reg, got 'regularisation'.
    """
    method = Auto if name == "auto" else load("adapt", name)
    for setting in settings:
        check_choice(f"setting of {name}", setting, sorted(method().get_params(deep=False)))
    return method(**settings)
