"""The class of each pixel: a linear head on the network's pyramid, judged by mIoU."""

from ..contract import Measure
from ._dense import DenseTask

Method = DenseTask("semantic", "linear", (Measure("miou", "mIoU", mean=False),))
