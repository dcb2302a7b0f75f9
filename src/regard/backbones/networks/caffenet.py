"""CaffeNet of the self-supervised papers: AlexNet with batch normalisation in place of response normalisation.

As Caron, Bojanowski, Joulin and Douze 2018 describe it (Deep clustering for unsupervised learning of visual features,
ECCV, arXiv 1807.05520, section 3.3): 96-256-384-384-256 filters and three linear layers, no response normalisation,
batch normalisation; one group, as their programs have it. 62,379,720 parameters with 1,000 classes; maps of 55, 27, 13
and 6 cells a side.

What differs: no Sobel filter in front (tasks that want one have it as a setting), and convolutions without a bias,
which batch normalisation takes off again. Noroozi and Favaro 2016 or Zhang et al. 2016 use others of the name.
"""

from timm.models import build_model_with_cfg, register_model

from ._chain import Chain, Conv, Pool, default_config, plain

LAYERS = (
    Conv(96, 11, 4, 2, norm="bn"),
    Pool(),
    Conv(256, 5, 1, 2, norm="bn"),
    Pool(),
    Conv(384, norm="bn"),
    Conv(384, norm="bn"),
    Conv(256, norm="bn"),
    Pool(),
)
MAPS = {"relu1": (96, 4), "relu2": (256, 8), "relu5": (256, 16), "pool5": (256, 32)}

default_cfgs = default_config("caffenet", 224, 63)


@register_model
def caffenet(pretrained: bool = False, **kwargs: object) -> Chain:
    """Build CaffeNet with batch normalisation, (N, 3, H, W) with H, W >= 63 to (N, 4096); no published weights.

    The hidden layers see 6×6 cells: at other sizes than 224 an average makes them.
    """
    return build_model_with_cfg(
        Chain, "caffenet", pretrained, body=plain(LAYERS), maps=MAPS, grid=6, hidden=(4096, 4096), **kwargs
    )


Method = caffenet
