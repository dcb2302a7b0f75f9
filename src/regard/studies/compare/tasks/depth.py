"""How far away each pixel is: one layer on the network's pyramid, judged by the mean relative error."""

from ..contract import Measure
from ._dense import DenseTask

Method = DenseTask("depth", "bins", (Measure("abs_rel", "AbsRel", mean=False, larger_is_better=False, percent=False),))
