"""What a pyramid shows inside a box: a map of fixed size from the level on which the box is neither small nor large.

He, Gkioxari, Dollár, Girshick 2017 (Mask R-CNN, ICCV): bilinear samples at exact places (RoIAlign). Lin et al. 2017,
equation 1, chooses the level: 2 ** k pixels of stride for a box of sqrt(area) from 7 * 2 ** k on. The paper has twice
as much, for photographs of 800 pixels; here boxes of smaller pictures reach coarser levels, too.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torchvision.ops import roi_align

CELLS = 7.0  # how many cells of its level a box has across at least
# cells across a map up to which products of matrices are quicker than single samples on a CPU, with their gradients;
# without, single samples take a quarter of their time
MOST = 64


def level_of(boxes: Tensor, strides: Sequence[int]) -> Tensor:
    """The place of the level (n,) for each box (n, 4).

    >>> level_of(torch.tensor([[0.0, 0, 10, 10], [0, 0, 56, 56], [0, 0, 900, 900]]), (4, 8, 16, 32)).tolist()
    [0, 1, 3]
    """
    across = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1).sqrt()
    begins = torch.tensor([CELLS * stride for stride in strides[1:]], device=boxes.device)
    return torch.bucketize(across, begins - 1e-3, right=True)


def pooled(levels: Sequence[Tensor], strides: Sequence[int], boxes: Sequence[Tensor], size: int) -> Tensor:
    """Maps (n, C, size, size) of all boxes of all pictures, in their order, in float32.

    Args:
        levels: (N, C, h, w) each.
        strides: of the levels, in pixels.
        boxes: for each picture (n_i, 4).
        size: cells of the maps, each the mean of 2 x 2 samples.
    """
    every = torch.cat(list(boxes))
    level = level_of(every, strides)
    whose = torch.repeat_interleave(torch.tensor([len(one) for one in boxes], device=every.device))
    if every.device.type == "cpu" and not torch.is_grad_enabled():
        return _dealt(levels, strides, every, whose, level, size)
    order, parts = [whose[:0]], [levels[0].new_zeros(0, levels[0].shape[1], size, size, dtype=torch.float32)]
    with torch.autocast(every.device.type, enabled=False):
        for place, (values, stride) in enumerate(zip(levels, strides)):
            values, own = values.float(), level == place
            if values.device.type == "cpu" and torch.is_grad_enabled() and max(values.shape[2:]) <= MOST:
                for picture in range(len(values)):
                    order.append(torch.where(own & (whose == picture))[0])
                    parts.append(sampled(values[picture], every[order[-1]] / stride, size))
                continue
            order.append(torch.where(own)[0])
            rows = torch.cat([whose[order[-1], None].to(every), every[order[-1]]], 1)
            parts.append(roi_align(values, rows, size, 1 / stride, sampling_ratio=2, aligned=True))
    return torch.cat(parts)[torch.cat(order).argsort()]


def _dealt(
    levels: Sequence[Tensor], strides: Sequence[int], boxes: Tensor, whose: Tensor, level: Tensor, size: int
) -> Tensor:
    """The same without gradients on a CPU, of which `roi_align` uses one core: boxes are dealt to threads."""
    made = torch.empty(len(boxes), levels[0].shape[1], size, size)
    many, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()  # which threads do not share

    def cut(place: int, chosen: Tensor) -> None:
        with torch.inference_mode(inference), torch.autocast("cpu", enabled=False):
            rows = torch.cat([whose[chosen, None].to(boxes), boxes[chosen]], 1)
            values = levels[place].float()
            found = roi_align(values, rows, size, 1 / strides[place], sampling_ratio=2, aligned=True)
            made.index_copy_(0, chosen, found)

    jobs = [(place, some) for place in range(len(levels)) for some in torch.where(level == place)[0].chunk(many)]
    with ThreadPoolExecutor(many) as pool:
        list(pool.map(lambda job: cut(*job), jobs))
    return made


def sampled(values: Tensor, boxes: Tensor, size: int) -> Tensor:
    """What `roi_align` gives, as products of matrices: bilinear samples are separable.

    With its gradients it takes from a tenth (maps of 16 x 16 cells) to two thirds (64 x 64) of the time on a CPU.

    Args:
        values: one map (C, h, w).
        boxes: (n, 4), in cells of it.
        size: cells of the results (n, C, size, size).
    """
    channels, height, width = values.shape
    down, across = (_weights(boxes[:, one], boxes[:, one + 2], many, size) for one, many in ((1, height), (0, width)))
    rows = down.flatten(0, 1) @ values.transpose(0, 1).reshape(height, channels * width)
    cells = rows.view(len(boxes), size * channels, width) @ across.transpose(1, 2)
    return cells.view(len(boxes), size, channels, size).transpose(1, 2)


def _weights(low: Tensor, high: Tensor, many: int, size: int) -> Tensor:
    """How much each of `many` cells counts in each of `size` parts of the spans from low to high: (n, size, many)."""
    parts = (torch.arange(2 * size, device=low.device, dtype=low.dtype) + 0.5) / (2 * size)
    at = (low[:, None] + (high - low)[:, None] * parts - 0.5).clamp(0, many - 1)
    weights = (1 - (at[..., None] - torch.arange(many, device=low.device)).abs()).clamp(min=0)
    return weights.unflatten(1, (size, 2)).mean(2)
