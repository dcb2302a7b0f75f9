"""Boxes around objects: a Faster R-CNN head, judged by AP50."""

from ..contract import Measure
from ._dense import DenseTask

Method = DenseTask("boxes", "faster_rcnn", (Measure("ap50", "AP50", mean=False),))
