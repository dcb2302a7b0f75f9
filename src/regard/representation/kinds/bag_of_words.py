"""`bag_of_words`: histograms of dense SIFT over 256 words fitted to crops of built-in photographs."""

from ..named import NameKind
from ..representation import Representation
from ._vocabulary import built_in


def load(rest: str) -> Representation:
    """The one representation of this name; `regard create --task bag_of_words` fits one to one's own images."""
    return built_in("bag_of_words", rest)


Method = NameKind(load, alone=True, form="bag_of_words")
