import numpy as np
import pytest
import torch
from torch import nn

from regard.core.checks import InputError
from regard.create.supervised.labels import Method, smoothed_cross_entropy
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.objective import Split


def labelled(labels: list[str] | None, start: int = 0) -> ImageSet:
    n = 6 if labels is None else len(labels)
    items = [np.full((8, 8), start + i, np.uint8) for i in range(n)]
    return ImageSet(items, np.array([f"{start + i}" for i in range(n)]), None if labels is None else np.array(labels))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_the_slow_sum(smoothing: float) -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 2, 1, 1, 0])
    total = 0.0
    for row, right in zip(logits.double().numpy(), targets.tolist()):
        log_p = row - np.log(np.exp(row).sum())
        q = np.full(3, smoothing / 3)
        q[right] += 1 - smoothing
        total -= (q * log_p).sum()
    assert float(smoothed_cross_entropy(logits, targets, smoothing)) == pytest.approx(total / 5, rel=1e-5)
    low = smoothed_cross_entropy(logits.bfloat16(), targets, smoothing)
    assert low.dtype == torch.float32


def test_classes_and_chance_come_from_the_data() -> None:
    known = Split(labelled(["a", "b", "a"]), labelled(["b", "c", "b", "a"], 50), False)
    method = Method().configure(known)
    assert method.classes == ("a", "b", "c") and method.chance == 0.5 and method.recipe == "photo"
    assert method.head(_Encoder()).out_features == 3


class _Encoder:
    num_features = 4


def test_images_without_labels_are_refused() -> None:
    with pytest.raises(InputError, match="IMAGES: expected labelled images"):
        Method().configure(Split(labelled(None), labelled(None, 50), False))


def test_held_out_images_are_scored_as_they_are() -> None:
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.arange(4), torch.tensor([0, 1, 1, 0]), True)
    inputs, targets = Method(recipe="digit").prepare(batch, torch.Generator())
    assert torch.equal(inputs, x)
    logits = torch.tensor([[2.0, 1], [0, 1], [3, 1], [0, 4]])
    assert Method().correct(lambda _: logits, nn.Identity(), inputs, targets).tolist() == [[1], [1], [0], [0]]
