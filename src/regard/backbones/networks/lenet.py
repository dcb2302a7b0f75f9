"""LeNet with batch normalisation: two convolutions, then all of the last map to 128 features; for digits and signs.

LeCun et al. 1998, Gradient-based learning applied to document recognition, Proceedings of the IEEE 86. Two 3×3
convolutions at full size with batch normalisation and ReLU, 32 and 64 channels, a maximum over 2×2 after each, then a
linear layer on the whole map, which knows where a stroke lies. Networks that end in a global average (`convnet4`) do
not, and carry over worse to digits of another hand.
"""

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn

from ._blocks import Blocks

GRID = 4  # cells a side of what the linear layer sees; a map of 16 pixels has as many


class LeNet(Blocks):
    """Two blocks of convolution, batch normalisation, ReLU and maximum; (N, 3, H, W) with H, W >= 8 to (N, 128).

    Maps have strides 2 and 4.
    """

    channels = (32, 64)

    def __init__(self, num_classes: int = 0, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.num_classes, self.drop_rate = num_classes, drop_rate
        self.num_features = self.head_hidden_size = 128
        self.blocks, self.feature_info = nn.ModuleList(), []
        before = in_chans
        for index, channels in enumerate(self.channels):
            convolution = nn.Conv2d(before, channels, 3, 1, 1, bias=False)
            layers = [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
            self.blocks.append(nn.Sequential(*layers))
            before = channels
            self.feature_info.append({"num_chs": channels, "reduction": 2 << index, "module": f"blocks.{index}"})
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        self.pre = nn.Sequential(
            nn.AdaptiveAvgPool2d(GRID), nn.Flatten(), nn.Linear(before * GRID**2, self.head_hidden_size), nn.ReLU()
        )
        self.fc = nn.Linear(self.head_hidden_size, num_classes) if num_classes else nn.Identity()

    def pooled(self, x: Tensor) -> Tensor:
        """The last map to 128 features (N, 128)."""
        return self.pre(x)


default_cfgs = generate_default_cfgs(
    {
        "lenet.untrained": {
            "input_size": (3, 16, 16),
            "min_input_size": (3, 8, 8),
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
            "crop_pct": 1.0,
            "interpolation": "bicubic",
            "num_classes": 0,
            "pool_size": None,
            "first_conv": "blocks.0.0",
            "classifier": "fc",
        }
    }
)


@register_model
def lenet(pretrained: bool = False, **kwargs: object) -> LeNet:
    """Build LeNet; there are no published weights, so `pretrained` serves folders of one's own only."""
    return build_model_with_cfg(LeNet, "lenet", pretrained, **kwargs)


Method = lenet
