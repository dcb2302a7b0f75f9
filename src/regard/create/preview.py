"""The very puzzles that the network gets, as one picture."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.plots import drawing, written
from ..core.runtime import torch_rng
from ..core.storage import replacing

COLUMNS = 8


def save_preview(
    path: Path, objective: Any, images_NCHW: Tensor, seed: int, encoder: Any = None, head: Any = None
) -> None:
    """Write an objective's puzzles on a few uint8 images (N, 3, S, S) as a PNG: pictures in rows, each captioned.

    With an encoder and its head, in evaluation mode, also their answers.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    x = images_NCHW.float() / 255 if images_NCHW.dtype == torch.uint8 else images_NCHW
    with torch.no_grad():
        puzzles = objective.preview(x, torch_rng(seed, "preview"), encoder, head)
    # the pictures of one image stay in one row
    each = len(puzzles) // len(x) if len(puzzles) % len(x) == 0 else 1
    across = min(each * max(1, COLUMNS // each), len(puzzles))
    down = -(-len(puzzles) // across)
    with drawing(), replacing(path) as beside:
        figure = Figure(figsize=(1.3 * across, 1.55 * down), layout="constrained")
        FigureCanvasAgg(figure)
        for number, (caption, pixels) in enumerate(puzzles):
            axes = figure.add_subplot(down, across, number + 1)
            axes.imshow(pixels, interpolation="nearest")
            axes.set_title(written(caption), fontsize=8)
            axes.set_axis_off()
        figure.savefig(beside, format="png", dpi=110)
