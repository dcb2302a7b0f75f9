"""AlexNet scaled to small images: a quarter of its width, a first filter of 7 pixels, groups, response normalisation.

Krizhevsky, Sutskever and Hinton 2012, NIPS, for pictures of 32 or 64 pixels in place of 224. A quarter of the channels
(24-64-96-96-64), hidden layers of 256 in place of 4,096 on 2×2 cells in place of 6×6; the first layer sees 7×7 pixels
every 2 in place of 11×11 every 4. Kept are two groups in the second, fourth and fifth layer, response normalisation
behind the first two, overlapping maxima and dropout. It has no published figures: 0.28 M parameters.
"""

from timm.models import build_model_with_cfg, register_model

from ._chain import Chain, Conv, Pool, default_config, plain

_POOL = Pool(3, 2, whole=True)
LAYERS = (
    Conv(24, 7, 2, 3, norm="lrn"),
    _POOL,
    Conv(64, 5, 1, 2, groups=2, norm="lrn"),
    _POOL,
    Conv(96),
    Conv(96, groups=2),
    Conv(64, groups=2),
    _POOL,
)
MAPS = {"relu1": (24, 2), "relu2": (64, 4), "relu5": (64, 8), "pool5": (64, 16)}

default_cfgs = default_config("alexnet_scaled", 32, 15)


@register_model
def alexnet_scaled(pretrained: bool = False, **kwargs: object) -> Chain:
    """Build the scaled AlexNet, (N, 3, H, W) with H, W >= 15 to (N, 256), with weights drawn as He et al. 2015."""
    return build_model_with_cfg(
        Chain, "alexnet_scaled", pretrained, body=plain(LAYERS), maps=MAPS, grid=2, hidden=(256, 256), **kwargs
    )


Method = alexnet_scaled
