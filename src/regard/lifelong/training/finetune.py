"""Fine-tuning: the network learns each task and nothing else; what it forgets then is what all others are held against.

Cross-entropy over all classes that are known by now, on the images of the task alone.
"""

from dataclasses import dataclass

from ..moving.contract import LearnMethod


@dataclass(frozen=True)
class Method(LearnMethod):
    """Fine-tuning; it has no settings."""

    any_kind = True
