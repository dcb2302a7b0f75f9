"""Boxes in space: a head that finds their middles, judged by AP of middles less than a metre apart."""

from ..contract import Measure
from ._dense import DenseTask

Method = DenseTask("boxes3d", "centers", (Measure("ap_1m", "AP at 1 m", mean=False),))
