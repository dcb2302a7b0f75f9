"""ZFNet scaled to small images: a quarter of its width, and a first layer that passes over no pixel.

Zeiler and Fergus 2014, ECCV, for pictures of 32 or 64 pixels in place of 224. A quarter of the channels
(24-64-96-96-64), hidden layers of 256 in place of 4,096 on 2×2 cells in place of 6×6. As the paper's first layer is
AlexNet's with smaller filters at half the stride, this one is `alexnet_scaled`'s: 5×5 pixels, every one. Kept are
the second layer's stride of 2, all channels in one group, response normalisation behind the first two maxima, and
dropout. It has no published figures: 0.37 M parameters.
"""

from timm.models import build_model_with_cfg, register_model

from ._chain import Chain, Conv, Pool, default_config, plain

LAYERS = (
    Conv(24, 5, 1, 2),
    Pool(3, 2, whole=True, norm="lrn"),
    Conv(64, 5, 2, 2),
    Pool(3, 2, whole=True, norm="lrn"),
    Conv(96),
    Conv(96),
    Conv(64),
    Pool(3, 2, whole=True),
)
MAPS = {"relu1": (24, 1), "pool1": (24, 2), "relu2": (64, 4), "relu5": (64, 8), "pool5": (64, 16)}

default_cfgs = default_config("zfnet_scaled", 32, 14)


@register_model
def zfnet_scaled(pretrained: bool = False, **kwargs: object) -> Chain:
    """Build the scaled ZFNet, (N, 3, H, W) with H, W >= 14 to (N, 256), with weights drawn as He et al. 2015."""
    return build_model_with_cfg(
        Chain, "zfnet_scaled", pretrained, body=plain(LAYERS), maps=MAPS, grid=2, hidden=(256, 256), **kwargs
    )


Method = zfnet_scaled
