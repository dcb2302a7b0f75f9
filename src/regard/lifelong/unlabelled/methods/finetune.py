"""Fine-tuning without labels: each task goes on where the last one ended, and nothing is done against forgetting.

What it forgets is what all others are held against.
"""

from dataclasses import dataclass

from ..contract import UnlabelledMethod


@dataclass(frozen=True)
class Method(UnlabelledMethod):
    """Fine-tuning; it has no settings."""
