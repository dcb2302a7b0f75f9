"""AlexNet as published in 2012: 96-256-384-384-256 in two groups, local response normalisation, overlapping maxima.

Krizhevsky, Sutskever and Hinton 2012, ImageNet classification with deep convolutional neural networks, NIPS, section 3.
A first layer of 11×11 pixels every 4, response normalisation behind the ReLU of the first two layers, maxima over 3×3
every 2, two groups in the second, fourth and fifth layer (the paper's two processors), two hidden layers of 4,096 with
dropout. 60,965,224 parameters with 1,000 classes; maps of 55, 27, 13 and 6 cells a side.

What differs: the paper's 224 pixels give its 55 cells only with a border, of 2 pixels here; weights are drawn as He et
al. 2015 draw them, not with deviation 0.01 and biases of 1. `torchvision:alexnet` is another network: one group,
64-192-384-256-256, no normalisation (Krizhevsky 2014, arXiv 1404.5997).
"""

from timm.models import build_model_with_cfg, register_model

from ._chain import Chain, Conv, Pool, default_config, plain

LAYERS = (
    Conv(96, 11, 4, 2, norm="lrn"),
    Pool(),
    Conv(256, 5, 1, 2, groups=2, norm="lrn"),
    Pool(),
    Conv(384),
    Conv(384, groups=2),
    Conv(256, groups=2),
    Pool(),
)
MAPS = {"relu1": (96, 4), "relu2": (256, 8), "relu5": (256, 16), "pool5": (256, 32)}

default_cfgs = default_config("alexnet", 224, 63)


@register_model
def alexnet(pretrained: bool = False, **kwargs: object) -> Chain:
    """Build AlexNet, (N, 3, H, W) with H, W >= 63 to (N, 4096); there are no published weights.

    The hidden layers see 6×6 cells: at other sizes than 224 an average makes them.
    """
    return build_model_with_cfg(
        Chain, "alexnet", pretrained, body=plain(LAYERS), maps=MAPS, grid=6, hidden=(4096, 4096), **kwargs
    )


Method = alexnet
