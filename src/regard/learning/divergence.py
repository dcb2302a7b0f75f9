"""What a training run logs between two reports, and when it must stop: NaN, infinity, collapse."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from ..core.checks import RunError

# Spread is the standard deviation of unit vectors over a batch times sqrt(d): 1 where they fill all directions, 0
# where all are one vector. Networks fresh from their initialiser show 0.25 to 0.85 (measured: ConvNet-4,
# ResNet-18, ViT-Ti on digits and photographs), collapsed ones under 0.01.
COLLAPSED, PATIENCE = 0.02, 10


class Window:
    """What was logged since the last report; turned into numbers only then, so that a GPU is not waited for."""

    def __init__(self, flat: int = 0) -> None:
        self.flat = flat
        self.rows: list[tuple[int, float, str, dict[str, Any]]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, step: int, lr: float, player: str, log: dict[str, Any]) -> None:
        """Note what one update logged, with its `loss`."""
        self.rows.append((step, lr, player, log))

    def check(self) -> None:
        """Raise at the first loss that is not a finite number."""
        for step, lr, player, log in self.rows:
            if not np.isfinite(float(log["loss"])):
                who = f" of {player}" if player else ""
                raise RunError(
                    f"loss{who}: {float(log['loss'])} at step {step}, with a learning rate of {lr:.2g}. Lower --lr "
                    "(a third is a good next try), set --clip 1, or use --precision fp32; the run then starts anew "
                    "in another --out, or goes on from its last checkpoint if only the machine was at fault."
                )

    def report(self) -> dict[str, float]:
        """The mean of each number since the last report; the players' are told apart by `name/`.

        Raises:
            RunError: a loss is not finite, or `spread` has been that of a collapse in ten reports in a row.
        """
        self.check()
        step = self.rows[-1][0] if self.rows else 0
        columns: dict[str, list[float]] = {}
        for _, _, player, log in self.rows:
            for key, value in log.items():
                columns.setdefault(f"{player}/{key}" if player else key, []).append(float(value))
        self.rows.clear()
        means = {key: float(np.mean(values)) for key, values in columns.items()}
        spreads = [value for key, value in means.items() if key.rpartition("/")[2] == "spread"]
        self.flat = self.flat + 1 if spreads and min(spreads) < COLLAPSED else 0
        if self.flat >= PATIENCE:
            raise RunError(_collapse(step, min(spreads)))
        return means


def _collapse(step: int, spread: float) -> str:
    return (
        f"collapse: at step {step} all images get nearly the same vector (spread {spread:.4f}, healthy runs are above "
        f"0.1). The network found a way to a low loss without looking. Lower --lr, use a larger --batch, or stronger "
        "views; and see that the images are not all alike."
    )


def spread(features_ND: Tensor) -> Tensor:
    """How much of the sphere unit vectors fill: sqrt(d) · std over the batch, averaged over dimensions.

    1 for vectors in all directions, 0 where all images get the same vector (collapse; Chen and He 2021, figure 2).

    >>> from torch import ones
    >>> float(spread(ones(8, 4)))
    0.0
    """
    unit = nn.functional.normalize(features_ND.detach().float(), dim=1)
    return unit.std(0).mean() * unit.shape[1] ** 0.5
