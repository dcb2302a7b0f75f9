"""ConvNet-4: four convolutions, 128 features, for small images on an ordinary CPU.

The smallest network on which the methods of this package show their effect in seconds: 3×3 convolutions with
batch normalisation, 32-64-128-128 channels, stride 2 in each of the first three, then a global average.
"""

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import nn

from ._blocks import Blocks


class ConvNet4(Blocks):
    """Four blocks of convolution, batch normalisation and ReLU; (N, 3, H, W) with H, W >= 8 to (N, 128).

    Maps have strides 2, 4, 8, 8.
    """

    channels = (32, 64, 128, 128)
    strides = (2, 2, 2, 1)

    def __init__(self, num_classes: int = 0, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.num_classes, self.drop_rate = num_classes, drop_rate
        self.num_features = self.head_hidden_size = self.channels[-1]
        self.blocks, self.feature_info = nn.ModuleList(), []
        before, reduction = in_chans, 1
        for index, (channels, stride) in enumerate(zip(self.channels, self.strides)):
            self.blocks.append(
                nn.Sequential(
                    nn.Conv2d(before, channels, 3, stride, 1, bias=False),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(inplace=True),
                )
            )
            before, reduction = channels, reduction * stride
            self.feature_info.append({"num_chs": channels, "reduction": reduction, "module": f"blocks.{index}"})
        self.fc = nn.Linear(before, num_classes) if num_classes else nn.Identity()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


default_cfgs = generate_default_cfgs(
    {
        "convnet4.untrained": {
            "input_size": (3, 32, 32),
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
def convnet4(pretrained: bool = False, **kwargs: object) -> ConvNet4:
    """Build ConvNet-4; there are no published weights, so `pretrained` serves folders of one's own only."""
    return build_model_with_cfg(ConvNet4, "convnet4", pretrained, **kwargs)


Method = convnet4
