"""Choosing among methods that train the network, and the source alone: by what they say of the target.

The score is `information`, how much a prediction tells: certain one by one, and even in all (Bridle, Heading and MacKay
1991, Unsupervised classifiers, mutual information and phantom targets, NIPS). Some methods raise it by design, right or
wrong, so that two signs are looked at before it:

- **classes that the target lacks.** Where the source's network hardly ever tells some classes, methods that bring both
  domains to the same shares of classes would put images into these that are of others; they are refused.
- **collapse.** A candidate that tells fewer classes than the source's network did has merged some; it is refused.

What is no sign, as trials on pairs that ship with the package showed: that a second network, which a candidate's
predictions have taught, leads back to the source (it learns the same mistakes and undoes them), that two seeds agree,
or that predictions bear small changes of the image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..choose.absent import lacking
from ..choose.select import Choice, Judged, decide
from .arms import Arm
from .contract import DeepMethod
from .signs import class_entropy

SCORE = "information"
MERGED = 0.05  # of log K, by which the classes' entropy may fall


def information(probabilities: np.ndarray) -> float:
    """(H(mean of P) - mean of H(P)) / log K of predictions (n, K): 1 where each is certain and all classes are even.

    >>> information(np.eye(4)), abs(information(np.full((4, 4), 0.25)))
    (1.0, 0.0)
    """
    P = np.clip(probabilities, 1e-12, 1)
    own = float(-(P * np.log(P)).sum(axis=1).mean() / np.log(P.shape[1]))
    return class_entropy(probabilities) - own


def take(
    arms: Sequence[Arm], methods: Mapping[str, DeepMethod], classes: Sequence[str], labels: np.ndarray
) -> tuple[Choice, list[Arm]]:
    """The choice, and the candidates with their score and, where they are refused, the reason.

    Args:
        arms: the source alone first.
        methods: of the others, by name.
        classes: names, in the order of the outputs.
        labels: (n,) of the source.
    """
    alone = arms[0]
    judged = [judged_beside(arm, methods.get(arm.name), alone, classes, labels) for arm in arms]
    told = [replace(arm, judged=one, notes=(*arm.notes, *filter(None, [one.failed]))) for arm, one in zip(arms, judged)]
    return decide(judged, SCORE, alone.name), told


def judged_beside(
    arm: Arm, method: DeepMethod | None, alone: Arm, classes: Sequence[str], labels: np.ndarray
) -> Judged:
    """How a candidate is judged beside the source alone, with `information` among its scores; see `take`."""
    found = replace(arm.judged, scores={**arm.judged.scores, SCORE: information(arm.probabilities)})
    if method is None:
        return found
    missing = lacking(alone.probabilities, np.array([np.mean(labels == name) for name in classes]))
    return replace(found, failed=_refused(arm, method, alone, [classes[k] for k in missing]))


def _refused(arm: Arm, method: DeepMethod, alone: Arm, missing: Sequence[str]) -> str:
    if missing and method.even:
        few = ", ".join(missing[:5])
        return f"refused: the target seems to lack {few}, and {arm.name} takes both domains to have the same classes"
    before, after = (class_entropy(_hard(one.probabilities)) for one in (alone, arm))
    if after < before - MERGED:
        return (
            f"refused: it tells fewer classes than the source alone (entropy {after:.2f} of log K, from {before:.2f})"
        )
    return ""


def _hard(probabilities: np.ndarray) -> np.ndarray:
    """The same (n, K) with 1 for the most probable class."""
    return np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)]
