"""ConvNet-4: four convolutions, 128 features, for small images on an ordinary CPU.

The smallest network on which the methods of this package show their effect in seconds: 3×3 convolutions with
batch normalisation, 32-64-128-128 channels, stride 2 in each of the first three, then a global average.
"""

from collections.abc import Sequence

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn


class ConvNet4(nn.Module):
    """Four blocks of convolution, batch normalisation and ReLU; (N, 3, H, W) with H, W >= 8 to (N, 128).

    Maps have strides 2, 4, 8, 8. `forward_intermediates` and `forward_head` are timm's, so that every head fits.
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

    def forward_intermediates(self, x: Tensor, indices: Sequence[int] | None = None, **_: object) -> list[Tensor]:
        """Maps (N, C, H/stride, W/stride) of the four blocks, or of those in `indices`."""
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps if indices is None else [maps[i] for i in indices]

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map (N, 128, H/8, W/8)."""
        return self.forward_intermediates(x)[-1]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last map to its average (N, 128), or to logits (N, num_classes)."""
        x = x.mean((2, 3))
        x = nn.functional.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to logits (N, num_classes), or to (N, 128) where there is no classifier."""
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        """The last linear layer."""
        return self.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put a new last layer on, or none where num_classes is 0."""
        self.num_classes = num_classes
        self.fc = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()


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
