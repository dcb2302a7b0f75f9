"""Batch normalisation between training and evaluation: how far apart the two are, and what a batch of one does.

In training a batch normalisation takes mean and variance from the batch, in evaluation from its running averages
(Ioffe and Szegedy 2015, ICML): two functions with the same weights. They part where batches are small, where data
change, and early in training.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.checks import InputError, bad
from .modes import evaluating

_ONE_VALUE = "more than 1 value per channel"  # of torch's message


@torch.no_grad()
def statistics_gap(encoder: nn.Module, images_NCHW: Tensor) -> float:
    """How far the batch's statistics move the vectors, as a share of how far the images lie apart.

    gap = ||Z_batch - Z_running||_F / ||Z_running - mean||_F, with Z (N, D) the vectors of all images as one batch, once
    with the statistics of that batch and once with the running ones, and mean (D,) the average of Z_running. 0: both
    are the same function; 1: the shift is as large as the differences between the images. 0 for a network without batch
    normalisation. Dropout is off for both; running averages and modes are as before afterwards.

    Args:
        encoder: images to vectors (N, D).
        images_NCHW: float images as it takes them, at least two.

    Raises:
        InputError: fewer than two images, images with equal vectors, or one value a channel to take statistics of.
    """
    if images_NCHW.ndim != 4 or len(images_NCHW) < 2:
        raise bad("images", f"shape {tuple(images_NCHW.shape)}", "at least two images (N, C, H, W)")
    norms = [one for one in encoder.modules() if isinstance(one, _BatchNorm) and one.running_mean is not None]
    with evaluating(encoder):
        running = encoder(images_NCHW).float()
        with _by_batch(norms), batch_errors():
            batch = encoder(images_NCHW).float()
    spread = float((running - running.mean(0)).norm())
    if spread == 0:
        raise bad("images", "images that all have one vector", "images that differ")
    return float((batch - running).norm()) / spread


@contextmanager
def _by_batch(norms: list[_BatchNorm]) -> Iterator[None]:
    """Batch statistics inside the block; running averages are neither used nor changed."""
    for one in norms:
        one.training, one.track_running_stats = True, False
    try:
        yield
    finally:
        for one in norms:
            one.training, one.track_running_stats = False, True


@contextmanager
def batch_errors() -> Iterator[None]:
    """Inside the block torch's error for a batch normalisation that sees one value a channel says what to do.

    Raises:
        InputError: in place of that error.
    """
    try:
        yield
    except ValueError as error:
        if isinstance(error, InputError) or _ONE_VALUE not in str(error):
            raise
        raise InputError(
            "--batch: expected at least 2 images, since batch normalisation has one value for each channel to take its "
            "statistics from. Give a larger --batch or --size, or --norm gn:32, which does not look at other images. "
            f"({error})"
        ) from error
