"""GoogLeNet scaled to small images: nine inception modules with two auxiliary heads, a quarter of its width.

Szegedy et al. 2015, Going deeper with convolutions, CVPR (arXiv 1409.4842), for pictures of 32 or 64 pixels in place of
224. A quarter of the channels, and a stem that divides the sides by 4 in place of 8: its first layer sees 5×5 pixels
every 2 in place of 7×7, and no maximum follows it. Kept are response normalisation, the modules of table 1, the average
over all cells at the end, and the auxiliary heads, which learn from labels alone (a quarter as wide, on one cell);
left out is the dropout in front of the last layer. It has no published figures: 0.38 M parameters without the heads.
"""

from timm.models import build_model_with_cfg, register_model

from ._chain import Chain, Conv, Pool, default_config
from ._inception import auxiliary, inceptions

SHARE = 4
STEM = (
    Conv(16, 5, 2, 2, norm="lrn"),
    Conv(16, 1, padding=0),
    Conv(48, 3, norm="lrn"),
    Pool(3, 2, whole=True),
)
MAPS = {"norm2": (48, 2), "inception3b": (120, 4), "inception4e": (208, 8), "inception5b": (256, 16)}

default_cfgs = default_config("googlenet_scaled", 32, 15)


@register_model
def googlenet_scaled(pretrained: bool = False, **kwargs: object) -> Chain:
    """Build the scaled GoogLeNet, (N, 3, H, W) with H, W >= 15 to (N, 256), with weights drawn as He et al. 2015."""
    return build_model_with_cfg(
        Chain,
        "googlenet_scaled",
        pretrained,
        body=inceptions(STEM, SHARE),
        maps=MAPS,
        auxiliary=auxiliary(SHARE, 1),
        **kwargs,
    )


Method = googlenet_scaled
