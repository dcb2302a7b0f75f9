"""Masks of objects: a Mask R-CNN head, judged by AP50 of masks."""

from ..contract import Measure
from ._dense import DenseTask

Method = DenseTask("masks", "mask_rcnn", (Measure("mask_ap50", "mask AP50", mean=False),))
