"""`regard.boxes3d`: boxes in space from one picture and its camera, from any representation."""

from ._dense import DenseVerbs

boxes3d = DenseVerbs("boxes3d", "boxes3d")
