"""GoogLeNet as published in 2014: nine inception modules, response normalisation, two auxiliary heads.

Szegedy et al. 2015, Going deeper with convolutions, CVPR (arXiv 1409.4842), table 1 and section 5. 6,998,552 parameters
with 1,000 classes and without the auxiliary heads; maps of 112, 56, 28, 14 and 7 cells a side. The table's column adds
up to 6,798 K (6.96 M with K = 1,024); the text's "12 times fewer than Krizhevsky" would be 5 M.

What differs: weights are drawn as He et al. 2015 draw them. `torchvision:googlenet` is another network: batch
normalisation, and 3×3 convolutions where the paper has 5×5. The auxiliary heads learn from labels alone
(`--task labels`, with 0.3 times the loss) and are no part of a representation.
"""

from timm.models import build_model_with_cfg, register_model

from ._chain import Chain, Conv, Pool, default_config
from ._inception import auxiliary, inceptions

STEM = (
    Conv(64, 7, 2, 3),
    Pool(3, 2, whole=True, norm="lrn"),
    Conv(64, 1, padding=0),
    Conv(192, 3, norm="lrn"),
    Pool(3, 2, whole=True),
)
MAPS = {
    "relu1": (64, 2),
    "norm2": (192, 4),
    "inception3b": (480, 8),
    "inception4e": (832, 16),
    "inception5b": (1024, 32),
}

default_cfgs = default_config("googlenet", 224, 31)


@register_model
def googlenet(pretrained: bool = False, drop_rate: float = 0.4, **kwargs: object) -> Chain:
    """Build GoogLeNet, (N, 3, H, W) with H, W >= 31 to (N, 1024); there are no published weights.

    `drop_rate` is the paper's dropout in front of the last layer.
    """
    return build_model_with_cfg(
        Chain,
        "googlenet",
        pretrained,
        body=inceptions(STEM, 1),
        maps=MAPS,
        auxiliary=auxiliary(1, 4),
        drop_rate=drop_rate,
        **kwargs,
    )


Method = googlenet
