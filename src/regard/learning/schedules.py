"""Learning-rate schedules: plain functions of how far the run is, so that steps and minutes can both drive them."""

from math import cos, pi

from ..core.checks import check_choice

SCHEDULES = ("one-cycle", "cosine", "constant")


def learning_rate_factor(schedule: str, progress: float, warmup: float = 0.05) -> float:
    """What the learning rate is multiplied by when a share `progress` of the run is done.

    Args:
        schedule: `one-cycle` rises from 1/25 to 1 over the first 30 % and falls to 1/250,000, both along a cosine
            (Smith and Topin 2017, with the constants of torch's OneCycleLR); `cosine` rises in a straight line over
            the share `warmup` and falls to 0 along a cosine (Loshchilov and Hutter 2017); `constant` only warms up.
        progress: share of the steps, or of the minutes, that are over, from 0 to 1; beyond 1 counts as 1.
        warmup: share of the run, for `cosine` and `constant`.

    >>> [round(learning_rate_factor("one-cycle", p), 2) for p in (0, 0.3, 1)]
    [0.04, 1.0, 0.0]
    >>> [round(learning_rate_factor("cosine", p, 0.1), 2) for p in (0.05, 0.1, 0.55, 1)]
    [0.5, 1.0, 0.5, 0.0]
    """
    check_choice("--schedule", schedule, SCHEDULES)
    done = min(max(progress, 0.0), 1.0)
    if schedule == "one-cycle":
        low, least, rise = 1 / 25, 1 / 25 / 1e4, 0.3
        return _between(low, 1.0, done / rise) if done < rise else _between(1.0, least, (done - rise) / (1 - rise))
    if done < warmup:
        return done / warmup
    return 1.0 if schedule == "constant" else _between(1.0, 0.0, (done - warmup) / (1 - warmup))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + cos(pi * share)) / 2
