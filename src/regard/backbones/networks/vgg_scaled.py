"""VGG scaled to small images: stacks of 3×3 convolutions, a quarter of its width.

Simonyan and Zisserman 2015, ICLR (arXiv 1409.1556), for pictures of 32 or 64 pixels in place of 224. A quarter of the
channels of configuration D (VGG-16): two, two, three, three and three convolutions before each of five maxima, of 16,
32, 64, 128 and 128 channels, and hidden layers of 256 in place of 4,096 on one cell in place of 7×7. It has no
published figures: 1.02 M parameters.
"""

from timm.models import build_model_with_cfg, register_model
from torch import nn

from ._chain import Chain, Conv, Pool, convolution, default_config, pooling

BLOCKS = ((2, 16), (2, 32), (3, 64), (3, 128), (3, 128))  # how many convolutions of how many channels
MAPS = {f"relu{block}_{deep}": (width, 2 ** (block - 1)) for block, (deep, width) in enumerate(BLOCKS, 1)}
MAPS["pool5"] = (128, 32)


def body(before: int) -> dict[str, nn.Module]:
    """Blocks `conv1_1`, `relu1_1`, `conv1_2`, `relu1_2`, `pool1` ...; the first part has `before` channels."""
    made: dict[str, nn.Module] = {}
    for block, (deep, width) in enumerate(BLOCKS, 1):
        for within in range(1, deep + 1):
            made |= convolution(before, Conv(width), f"{block}_{within}")
            before = width
        made |= pooling(Pool(2, 2, whole=True), str(block))
    return made


default_cfgs = default_config("vgg_scaled", 32, 8, "features.conv1_1")


@register_model
def vgg_scaled(pretrained: bool = False, **kwargs: object) -> Chain:
    """Build the scaled VGG, (N, 3, H, W) with H, W >= 8 to (N, 256), with weights drawn as He et al. 2015."""
    return build_model_with_cfg(Chain, "vgg_scaled", pretrained, body=body, maps=MAPS, hidden=(256, 256), **kwargs)


Method = vgg_scaled
