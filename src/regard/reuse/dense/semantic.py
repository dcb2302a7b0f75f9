"""What each pixel shows: heads for semantic segmentation, and their loss.

`linear`: batch normalisation and one linear map of the features of all levels, as DINOv2 is measured by (Oquab et al.
2023); it says what the features hold, as nothing else learns. `fcn`: Long, Shelhamer, Darrell 2015, Fully convolutional
networks for semantic segmentation, CVPR. `deeplab`: Chen, Zhu, Papandreou, Schroff, Adam 2018, Encoder-decoder with
atrous separable convolution (DeepLabv3+), ECCV.

What differs: each level is normalised and mapped before it is enlarged, which for a linear map is the same but for the
statistics and costs a tenth; `fcn` sums features of all levels, not scores of three; both others normalise within each
picture (groups), as batches are small; DeepLab's rates are for maps of 10 to 20 cells.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, relu

from ...backbones.contract import FeatureInfo
from ...backbones.modes import evaluating
from ...core.checks import bad, check_choice, check_number
from .neck import enlarged, normalised
from .smp_decoders import SMP, SmpDecoder

UNKNOWN = 255  # of a pixel that counts neither way
RATES = (2, 4, 6)
NEAR = 16  # stride of the level on which DeepLab looks around
DETAIL = 16  # channels of the finest level that it adds


class Linear(nn.Module):
    """Logits of the finest level's cells from all levels, by one linear map."""

    def __init__(self, info: Sequence[FeatureInfo], classes: int) -> None:
        super().__init__()
        self.times = _times(info)
        self.norm = nn.ModuleList(nn.BatchNorm2d(one.channels) for one in info)
        self.score = nn.ModuleList(
            nn.Conv2d(one.channels, classes, 1, bias=not place) for place, one in enumerate(info)
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """(N, classes, h, w)."""
        scores = [score(norm(one)) for score, norm, one in zip(self.score, self.norm, levels)]
        return _sum(scores, self.times)


class FCN(nn.Module):
    """Features of each level, 3 x 3, enlarged and summed; then a linear map."""

    def __init__(self, info: Sequence[FeatureInfo], classes: int, width: int) -> None:
        super().__init__()
        self.times = _times(info)
        self.features = nn.ModuleList(normalised(one.channels, width, 3) for one in info)
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """(N, classes, h, w)."""
        return self.score(_sum([relu(part(one)) for part, one in zip(self.features, levels)], self.times))


class DeepLab(nn.Module):
    """The level of stride 16 seen at several rates and as a whole, enlarged; the finest level for the outlines."""

    def __init__(self, info: Sequence[FeatureInfo], classes: int, width: int) -> None:
        super().__init__()
        strides = [one.reduction for one in info]
        self.place = min(range(len(strides)), key=lambda place: abs(strides[place] - NEAR))
        self.times = strides[self.place] // strides[0]
        inputs = info[self.place].channels
        self.near = normalised(inputs, width, 1)
        self.around = nn.ModuleList(normalised(inputs, width, 3, rate) for rate in RATES)
        self.whole = nn.Conv2d(inputs, width, 1)
        self.joined = normalised(width * (len(RATES) + 2), width, 1)
        self.detail = normalised(info[0].channels, DETAIL, 1)
        self.last = normalised(width + DETAIL, width, 3)
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """(N, classes, h, w)."""
        far = levels[self.place]
        whole = self.whole(far.mean((2, 3), keepdim=True)).expand(-1, -1, *far.shape[2:])
        seen = torch.cat([self.near(far), *(part(far) for part in self.around), whole], 1)
        joined = relu(self.joined(relu(seen)))
        fine = torch.cat([enlarged(joined, self.times, levels[0]), relu(self.detail(levels[0]))], 1)
        return self.score(relu(self.last(fine)))


class Semantic(nn.Module):
    """The head, on the levels of a `Pyramid`.

    Args:
        info: the pyramid's.
        classes: how many there are.
        kind: `linear`, `fcn` or `deeplab`, or a decoder of `SMP`.
        width: channels inside; `linear` has none.
    """

    def __init__(self, info: Sequence[FeatureInfo], classes: int, kind: str = "linear", width: int = 64) -> None:
        super().__init__()
        check_choice("head", kind, ["linear", "fcn", "deeplab", *SMP])
        self.classes = check_number("classes", classes, 1, 255, whole=True)
        check_number("width", width, 1, whole=True)
        made: dict[str, type[FCN] | type[DeepLab]] = {"fcn": FCN, "deeplab": DeepLab}
        self.layers: nn.Module
        if kind in SMP:
            self.layers = SmpDecoder(info, classes, kind, width)
        else:
            self.layers = Linear(info, classes) if kind == "linear" else made[kind](info, classes, width)
        self.stride = int(getattr(self.layers, "stride", info[0].reduction))

    def logits(self, levels: Sequence[Tensor], size: int) -> Tensor:
        """(N, classes, size, size), float32: those of the head's cells, interpolated."""
        cells = self.layers(levels).float()
        # the last cells may reach beyond the picture
        whole = interpolate(cells, scale_factor=self.stride, mode="bilinear", align_corners=False)
        return whole[:, :, :size, :size]

    def loss(self, levels: Sequence[Tensor], targets: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy, the mean over the pixels whose class is known; 0 where there are none.

        Args:
            levels: (N, C, h, w) each.
            targets: (N, S, S) int64, 255 where the class is not known.

        Raises:
            InputError: targets of another shape, or a class that the head does not know.
        """
        shape = tuple(targets.shape)
        if len(shape) != 3 or shape[0] != len(levels[0]) or shape[1] != shape[2]:
            raise bad("semantic", f"shape {shape}", f"({len(levels[0])}, S, S), as there are {len(levels[0])} pictures")
        known = targets != UNKNOWN
        strange = known & ((targets < 0) | (targets >= self.classes))
        if bool(strange.any()):
            raise bad("semantic", int(targets[strange][0]), f"0 to {self.classes - 1}, or {UNKNOWN} for not known")
        logits = self.logits(levels, shape[1])
        total = cross_entropy(logits, targets, ignore_index=UNKNOWN, reduction="sum") / known.sum().clamp(min=1)
        return total, {"pixels": total.detach()}

    @torch.no_grad()
    def predict(self, levels: Sequence[Tensor], size: int) -> tuple[Tensor, Tensor]:
        """The class of each pixel, (N, size, size) int64, and its probability, float32; of equal ones the first."""
        with evaluating(self):
            score, classes = self.logits(levels, size).softmax(1).max(1)
        return classes, score


def _times(info: Sequence[FeatureInfo]) -> list[int]:
    return [one.reduction // info[0].reduction for one in info]


def _sum(levels: Sequence[Tensor], times: Sequence[int]) -> Tensor:
    total = levels[0]
    for one, many in zip(levels[1:], times[1:]):
        total = total + enlarged(one, many, levels[0])
    return total
