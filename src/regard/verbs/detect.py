"""`regard.detect`: boxes around objects, from any representation."""

from ._dense import DenseVerbs

detect = DenseVerbs("detect", "boxes")
