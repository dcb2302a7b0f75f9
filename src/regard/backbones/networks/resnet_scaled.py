"""ResNet scaled to small images: eight residual blocks with batch normalisation, a quarter of ResNet-18's width.

He, Zhang, Ren and Sun 2016, Deep residual learning for image recognition, CVPR (arXiv 1512.03385), for pictures of 32
or 64 pixels in place of 224. ResNet-18's four stages of two blocks with a quarter of the channels (16-32-64-128); its
first layer sees 3×3 pixels every 2 in place of 7×7, and no maximum follows it. It has no published figures: 0.70 M
parameters.
"""

from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn

from ._chain import Chain, Conv, convolution, default_config

WIDTHS = (16, 32, 64, 128)
MAPS = {f"layer{stage}_2": (width, 2**stage) for stage, width in enumerate(WIDTHS, 1)}


class Residual(nn.Module):
    """ReLU(x + F(x)) with two 3×3 convolutions in F; where the shapes differ, x goes through one of 1×1."""

    def __init__(self, before: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride > 1 or before != channels:
            self.shortcut = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, h, w) to (N, channels, h / stride, w / stride)."""
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(inner + self.shortcut(x))


def body(before: int) -> dict[str, nn.Module]:
    """`conv1` with its normalisation, then `layer1_1`, `layer1_2`, `layer2_1` ..."""
    made = convolution(before, Conv(WIDTHS[0], 3, 2, 1, norm="bn"), "1")
    before = WIDTHS[0]
    for stage, width in enumerate(WIDTHS, 1):
        made[f"layer{stage}_1"] = Residual(before, width, 1 if stage == 1 else 2)
        made[f"layer{stage}_2"] = Residual(width, width)
        before = width
    return made


default_cfgs = default_config("resnet_scaled", 32, 8)


@register_model
def resnet_scaled(pretrained: bool = False, **kwargs: object) -> Chain:
    """Build the scaled ResNet, (N, 3, H, W) with H, W >= 8 to (N, 128), with weights drawn as He et al. 2015."""
    return build_model_with_cfg(Chain, "resnet_scaled", pretrained, body=body, maps=MAPS, **kwargs)


Method = resnet_scaled
