"""ZFNet: AlexNet with a finer first layer, found by looking at what its features see.

Zeiler and Fergus 2014, Visualizing and understanding convolutional networks, ECCV (arXiv 1311.2901), figure 3: a first
layer of 7×7 pixels every 2 in place of 11×11 every 4, a second of 5×5 every 2, no groups, response normalisation behind
the first two maxima, two hidden layers of 4,096 with dropout. Maps of 110, 55, 26, 13, 13, 13, 13 and 6 cells a side as
in the figure; 62,357,608 parameters with 1,000 classes (the paper gives no count).

What differs: the figure leaves borders open; its sizes follow from 1 pixel around the picture and maxima that keep a
window which reaches over the border. "Contrast normalised" is AlexNet's response normalisation here. Weights are drawn
as He et al. 2015 draw them, not with deviation 0.01, and filters are not clipped to one norm in training.
"""

from timm.models import build_model_with_cfg, register_model

from ._chain import Chain, Conv, Pool, default_config, plain

LAYERS = (
    Conv(96, 7, 2, 1),
    Pool(3, 2, whole=True, norm="lrn"),
    Conv(256, 5, 2, 0),
    Pool(3, 2, whole=True, norm="lrn"),
    Conv(384),
    Conv(384),
    Conv(256),
    Pool(3, 2, whole=True),
)
MAPS = {"relu1": (96, 2), "pool1": (96, 4), "relu2": (256, 8), "relu5": (256, 16), "pool5": (256, 32)}

default_cfgs = default_config("zfnet", 224, 47)


@register_model
def zfnet(pretrained: bool = False, **kwargs: object) -> Chain:
    """Build ZFNet, (N, 3, H, W) with H, W >= 47 to (N, 4096); there are no published weights.

    The hidden layers see 6×6 cells: at other sizes than 224 an average makes them.
    """
    return build_model_with_cfg(
        Chain, "zfnet", pretrained, body=plain(LAYERS), maps=MAPS, grid=6, hidden=(4096, 4096), **kwargs
    )


Method = zfnet
