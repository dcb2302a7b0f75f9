"""`regard.segment`: the class of every pixel, from any representation."""

from ._dense import DenseVerbs

segment = DenseVerbs("segment", "semantic")
