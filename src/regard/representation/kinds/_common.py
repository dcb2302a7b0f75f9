"""What the kinds of names share: an encoder with the preparation that its own configuration asks for."""

from ...backbones.network_encoder import NetworkEncoder
from ..preprocess import Preprocess
from ..representation import Representation


def own_steps(encoder: NetworkEncoder) -> Preprocess:
    """What the network's own configuration asks for."""
    return Preprocess.for_config(encoder.config).around(encoder.config["mean"])


def of_encoder(encoder: NetworkEncoder, name: str, origin: str) -> Representation:
    """A representation of a network as it is, with a card that says where it is from."""
    return Representation(encoder, own_steps(encoder), {"name": name, "made_by": origin})
