"""Decoders of segmentation-models-pytorch on the pyramid, as heads for semantic segmentation; the extra `segment`.

Iakubovskii 2019, Segmentation Models Pytorch (MIT). `smp:unet`: Ronneberger, Fischer, Brox 2015, MICCAI. `smp:fpn`:
Kirillov, Girshick, He, Dollár 2019, Panoptic feature pyramid networks, CVPR. `smp:upernet`: Xiao, Liu, Zhou, Jiang, Sun
2018, Unified perceptual parsing for scene understanding, ECCV. `smp:segformer`: Xie et al. 2021, NeurIPS. `smp:dpt`:
Ranftl, Bochkovskiy, Koltun 2021, Vision transformers for dense prediction, ICCV.

The decoders are theirs, unchanged: batch normalisation but in `fpn`, and corners aligned where they enlarge so. What
differs: they get the levels of strides 4, 8, 16, 32 of any network, none of stride 2, so that U-Net has a block less;
`dpt` gets these levels and no class token; they are 64 channels wide, as the heads here are, not 256; UPerNet's
averages are made so that ONNX can say them.
"""

from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...backbones.contract import FeatureInfo
from ...core.checks import InputError, bad, check_choice

SMP = ("smp:unet", "smp:fpn", "smp:upernet", "smp:segformer", "smp:dpt")
STRIDES = (4, 8, 16, 32)


class SmpDecoder(nn.Module):
    """Logits (N, classes, h, w) from the levels of a `Pyramid`.

    Args:
        info: the pyramid's, of strides 4, 8, 16 and 32.
        classes: how many there are.
        kind: one of `SMP`.
        width: channels inside; a multiple of 32.

    Attributes:
        stride: of the cells of the logits, in pixels.

    Raises:
        InputError: the extra is not installed, or levels of other strides.
    """

    def __init__(self, info: Sequence[FeatureInfo], classes: int, kind: str, width: int = 64) -> None:
        super().__init__()
        check_choice("head", kind, SMP)
        strides = tuple(one.reduction for one in info)
        if strides != STRIDES:
            raise bad("info", f"levels of strides {strides}", f"{STRIDES}, which {kind} is made for")
        if find_spec("segmentation_models_pytorch") is None:
            needs = "needs segmentation-models-pytorch, which is not installed"
            raise InputError(f"head: {kind} {needs}: pip install 'regard[segment]'")
        self.kind = kind.partition(":")[2]
        self.decoder, outputs, self.stride = _made(self.kind, [one.channels for one in info], width)
        kernel = 3 if self.kind == "unet" else 1
        self.score = nn.Conv2d(outputs, classes, kernel, padding=kernel // 2)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """(N, classes, h, w): cells of `stride`, of a picture that is filled up to multiples of 32 pixels.

        Raises:
            InputError: `upernet` learning from one picture at a time.
        """
        if self.kind == "upernet" and self.training and len(levels[0]) == 1:
            raise bad("--batch", 1, "at least 2", "smp:upernet normalises one cell of each picture over the batch.")
        levels = whole(levels)
        if self.kind == "dpt":
            return self.score(self.decoder(levels, [None] * len(levels)))
        # what they read of the picture, and of a level of stride 2, is the size alone
        times = 2 if self.kind == "unet" else 4
        blank = levels[0].new_empty(len(levels[0]), 0, *(times * side for side in levels[0].shape[2:]))
        before = [blank, blank] if self.kind == "upernet" else [blank]
        return self.score(self.decoder([*before, *levels]))


class Average(nn.Module):
    """What `nn.AdaptiveAvgPool2d` does, as two products of matrices: its own form is one that few exports know."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, C, cells, cells)."""
        down, across = (self._parts(int(side)).to(x_NCHW) for side in x_NCHW.shape[2:])
        return down @ x_NCHW @ across.T

    def _parts(self, side: int) -> Tensor:
        rows = torch.zeros(self.cells, side)
        for place in range(self.cells):
            low, high = place * side // self.cells, -(-(place + 1) * side // self.cells)
            rows[place, low:high] = 1 / (high - low)
        return rows


def whole(levels: Sequence[Tensor]) -> list[Tensor]:
    """Levels whose sides are twice those of the next one: the last cells are repeated where a side is short.

    >>> [tuple(one.shape[2:]) for one in whole([torch.zeros(1, 1, side, side) for side in (25, 13, 7, 4)])]
    [(32, 32), (16, 16), (8, 8), (4, 4)]
    """
    down, across = levels[-1].shape[2:]
    found = []
    for place, level in enumerate(levels):
        times = 2 ** (len(levels) - 1 - place)
        lacking = (0, across * times - level.shape[3], 0, down * times - level.shape[2])
        found.append(pad(level, lacking, mode="replicate") if any(lacking) else level)
    return found


def _made(kind: str, channels: list[int], width: int) -> tuple[nn.Module, int, int]:
    """The decoder, its channels, and the stride of its cells."""
    if kind == "unet":
        from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

        widths = (2 * width, width, width, width // 2)
        return UnetDecoder((0, *channels), widths, n_blocks=len(widths)), widths[-1], 2
    if kind == "fpn":
        from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder

        return FPNDecoder([0, *channels], 4, width, width), width, 4
    if kind == "upernet":
        from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

        made = UPerNetDecoder((0, 0, *channels), 5, width)
        for block in made.psp.blocks:
            block[0] = Average(block[0].output_size)
        return made, width, 4
    if kind == "segformer":
        from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder

        return SegformerDecoder([0, *channels], 4, width), width, 4
    from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder

    return DPTDecoder(channels, STRIDES, False, "ignore", (width,) * len(channels), width), width, 2
