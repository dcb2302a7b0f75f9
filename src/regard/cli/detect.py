"""Find objects with boxes: train a detector on any representation, use it, and score it."""

from ._dense import group

detect = group("detect")
