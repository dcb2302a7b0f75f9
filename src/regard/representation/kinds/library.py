"""`LIBRARY:NETWORK`: a network with the weights that its library publishes, fetched once."""

from ...backbones.encoder import make_encoder
from ..named import NameKind
from ..representation import Representation
from ._common import of_encoder


def load(rest: str) -> Representation:
    """Such as `timm:resnet18`; the libraries are those of `regard methods library`."""
    return of_encoder(make_encoder(rest, pretrained=True), rest, "weights published with the network")


Method = NameKind(load)
