"""`regard.instances`: boxes and masks of objects, from any representation."""

from ._dense import DenseVerbs

instances = DenseVerbs("instances", "masks")
