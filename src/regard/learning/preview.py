"""The very puzzles that the network gets, as one picture."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.plots import drawing, written
from ..core.runtime import torch_rng
from ..core.storage import replacing

COLUMNS = 8
WIDE, HIGH, SIDE, CAPTION, GAP = 1.3, 1.55, 1.2, 0.3, 0.05  # inches: of a cell, a picture, the line above it


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
        figure = Figure(figsize=(WIDE * across, HIGH * down))
        FigureCanvasAgg(figure)
        # one pair of axes for all, in inches: a pair for each picture, laid out by matplotlib, took a second
        axes = figure.add_axes((0, 0, 1, 1))
        for number, (caption, pixels) in enumerate(puzzles):
            row, column = divmod(number, across)
            high, wide = (side / max(pixels.shape[:2]) * SIDE for side in pixels.shape[:2])
            left, bottom = WIDE * (column + 0.5) - wide / 2, HIGH * (down - row) - CAPTION - SIDE / 2 - high / 2
            axes.imshow(pixels, extent=(left, left + wide, bottom, bottom + high), interpolation="nearest")
            axes.text(
                WIDE * (column + 0.5), bottom + high + GAP, written(caption), fontsize=8, ha="center", va="bottom"
            )
        axes.set(xlim=(0, WIDE * across), ylim=(0, HIGH * down))
        axes.set_axis_off()
        figure.savefig(beside, format="png", dpi=110)


def picture(x_CHW: Tensor) -> np.ndarray:
    """One image (3, H, W) in [0, 1] as uint8 (H, W, 3), for previews."""
    return np.asarray((x_CHW.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu())
