"""Parameters, operations and depth: those of the papers."""

import numpy as np
import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.representation.pooled import Pooled
from regard.representation.pooling.fisher import fit
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation
from regard.studies.history_cost import depth_of, flops_of, parameters_of


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("torchvision:alexnet", 8),
        ("torchvision:googlenet", 22),
        ("timm:resnet50", 50),
        ("alexnet_scaled", 8),
        ("zfnet_scaled", 8),
        ("vgg_scaled", 16),
        ("googlenet_scaled", 22),
        ("resnet_scaled", 18),
        ("dense_sift", 1),
    ],
)
def test_depth_is_what_the_papers_count(name, depth):
    encoder = make_encoder(name, size=None if name == "dense_sift" else 64)
    encoder.train()
    assert depth_of(encoder, 64) == depth and encoder.training, "and the mode is as it was"


def test_depth_is_of_the_longest_way():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(3, 3, 1) for _ in range(3))

        def forward(self, x):
            return (self.b(self.a(x)) + self.c(x)).mean((2, 3))

    assert depth_of(Two(), 8) == 3  # a, b and the classifier


def test_parameters_and_operations_by_hand():
    encoder = make_encoder("convnet4", size=32)
    rep = Representation(encoder, Preprocess(32, 32))
    own = sum(value.numel() for value in encoder.network.parameters())
    assert parameters_of(rep, 7) == own + 7 * (encoder.num_features + 1)
    found, sides = 0, {}
    for name, module in encoder.network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, i, out, name=name: sides.__setitem__(name, out.shape[2:].numel()))
    with torch.no_grad():
        encoder(torch.zeros(1, 3, 32, 32))
    for name, module in encoder.network.named_modules():
        if isinstance(module, nn.Conv2d):
            found += 2 * module.weight.numel() * sides[name]
    assert flops_of(rep) == found


def test_a_vocabulary_counts_as_learned():
    rng = np.random.default_rng(0)
    rep = Representation.load("random:dense_sift")
    rep.pooled = Pooled("fisher", fit(torch.from_numpy(rng.random((200, 128), np.float32)), 2, dim=8))
    vocabulary = 2 + 2 * 2 * 8 + 128 + 128 * 8
    assert parameters_of(rep, 5) == vocabulary + 5 * (2 * 2 * 8 + 1)
