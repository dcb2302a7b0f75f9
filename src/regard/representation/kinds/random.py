"""`random:NETWORK` or `random:NETWORK:SEED`: a network with random weights, the line that every other must beat."""

from ...backbones.encoder import make_encoder
from ..named import NameKind
from ..representation import Representation
from ._common import of_encoder


def load(rest: str) -> Representation:
    """Any network that `make_encoder` knows, its weights drawn from the seed, 0 unless given."""
    network, _, seed = rest.rpartition(":")
    if not (network and seed.isdigit()):
        network, seed = rest, "0"
    return of_encoder(make_encoder(network, seed=int(seed)), f"random:{rest}", "drawn at random")


Method = NameKind(load, form="random:NETWORK")
