import numpy as np
import torch
from torch import nn

from regard.create.pretext.rotation import Method, four_rotations, shuffled_pixels
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.objective import Split


def test_rotations_are_those_of_numpy_to_the_bit() -> None:
    x = torch.rand(3, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    found = four_rotations(x).reshape(4, 3, 3, 6, 6)
    for turns in range(4):
        for image in range(3):
            assert np.array_equal(found[turns, image], np.rot90(x[image].numpy(), turns, axes=(1, 2)))


def test_targets_say_the_turns_and_held_out_images_are_not_changed_otherwise() -> None:
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    inputs, targets = Method(recipe="digit").prepare(Batch(x, torch.arange(2), None, True), generator)
    assert torch.equal(inputs, four_rotations(x)) and targets.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    viewed, _ = Method(recipe="digit").prepare(Batch(x, torch.arange(2)), generator)
    assert not torch.equal(viewed[:2], x), "in training each image is seen by a random view"
    assert torch.equal(four_rotations(viewed[:2]), viewed), "the same view in all four turns"


def test_correct_counts_each_turn_of_each_image() -> None:
    class Brightest(nn.Module):
        """Says where the white corner is: right for images whose corner starts top left."""

        def forward(self, x):
            corners = torch.stack([x[:, 0, 0, 0], x[:, 0, -1, 0], x[:, 0, -1, -1], x[:, 0, 0, -1]], 1)
            return corners

    x = torch.zeros(2, 3, 4, 4)
    x[0, :, 0, 0] = 1
    x[1, :, 0, -1] = 1
    inputs, targets = Method().prepare(Batch(x, torch.arange(2), None, True), torch.Generator())
    right = Method().correct(Brightest(), nn.Identity(), inputs, targets)
    assert right.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0]]


def test_auto_keeps_left_and_right_of_symbols() -> None:
    some = ImageSet([np.zeros((8, 8), np.uint8)], np.array(["a"]))
    assert Method().configure(Split(some, some, True)).recipe == "digit"
    assert Method().configure(Split(some, some, False)).recipe == "photo"
    assert Method(recipe="none").configure(Split(some, some, False)).recipe == "none"


def test_shuffled_pixels_keep_colours_and_lose_places() -> None:
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    mixed = shuffled_pixels(x, torch.Generator().manual_seed(1))
    for before, after in zip(x, mixed):
        assert not torch.equal(before, after)
        assert sorted(before.flatten(1).T.tolist()) == sorted(after.flatten(1).T.tolist())
