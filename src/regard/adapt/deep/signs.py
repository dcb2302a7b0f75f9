"""Signs that adaptation went wrong, which no target label is needed to see."""

from collections.abc import Iterable
from math import log

import numpy as np

from ...core.events import Event

CONSTANT = 1e-3  # logits that spread less from image to image tell no domain
LEAST = 0.5  # of log K


def class_entropy(probabilities: np.ndarray) -> float:
    """Entropy of the mean of predictions (n, K) over log K: 1 where all classes are told equally often.

    >>> round(class_entropy(np.eye(4)), 3), class_entropy(np.eye(4)[[0, 0]])
    (1.0, 0.0)
    """
    mean = probabilities.mean(axis=0)
    mean = mean[mean > 0]
    return abs(float(-(mean * np.log(mean)).sum() / log(probabilities.shape[1])))


def signs(events: Iterable[Event], probabilities: np.ndarray) -> list[str]:
    """What a run's events and its predictions (n, K) on the target give cause to say; empty where there is none."""
    spreads = [event.values["domain_spread"] for event in events if "domain_spread" in event.values]
    found = []
    if spreads and max(spreads) < CONSTANT:
        found.append(
            f"The classifier of domains says the same of every image (logits spread by {max(spreads):.1e} at most): "
            "nothing was adapted. Train for longer, or with a higher rate."
        )
    entropy = class_entropy(probabilities)
    if entropy < LEAST:
        often = float(probabilities.mean(axis=0).max())
        found.append(
            f"The target's predicted classes have collapsed: {often:.0%} of it is told to be of one class (entropy "
            f"{entropy:.2f} of log K, below {LEAST}). Unless the target is so, take a smaller weight."
        )
    return found
