"""The line that every representation must beat: its own network with weights as they are drawn."""

from ..backbones.encoder import make_encoder
from ..backbones.layer_encoder import LayerEncoder
from .representation import Representation


def random_arm(like: Representation, seed: int) -> Representation:
    """The network of a representation with weights as they are drawn."""
    own = like.encoder
    encoder = make_encoder(own.name, seed=seed, size=own.input_size, norm=own.config.get("norm"))
    encoder.mean.copy_(like.encoder.mean)
    encoder.std.copy_(like.encoder.std)
    if like.encoder.ends:
        encoder = LayerEncoder(encoder, like.encoder.ends)
    card = {"name": f"random {seed}", "made_by": "drawn at random"}
    return Representation(encoder.eval(), like.preprocess, card)
