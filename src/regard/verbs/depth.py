"""`regard.depth`: how far away each pixel is, from any representation."""

from ._dense import DenseVerbs

depth = DenseVerbs("depth", "depth")
