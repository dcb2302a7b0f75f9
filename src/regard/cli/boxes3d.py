"""Find boxes in space from single pictures: train on any representation, use what was trained, and score it."""

from ._dense import group

boxes3d = group("boxes3d")
