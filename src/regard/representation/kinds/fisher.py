"""`fisher`: Fisher vectors of dense SIFT, with 64 Gaussians fitted to crops of built-in photographs."""

from ..named import NameKind
from ..representation import Representation
from ._vocabulary import built_in


def load(rest: str) -> Representation:
    """The one representation of this name; `regard create --task fisher` fits one to one's own images."""
    return built_in("fisher", rest)


Method = NameKind(load, alone=True, form="fisher")
