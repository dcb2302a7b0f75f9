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


def test_mixed_images_have_targets_that_are_shares_and_the_loss_is_their_sum() -> None:
    x = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.arange(6), torch.arange(6) % 3)
    method = Method(recipe="none", mixup=0.5, classes=("a", "b", "c"))
    inputs, targets = method.prepare(batch, torch.Generator().manual_seed(1))
    assert targets.shape == (6, 3) and torch.allclose(targets.sum(1), torch.ones(6)) and not torch.equal(inputs, x)
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    loss, log = method.loss(lambda _: logits, nn.Identity(), inputs, targets)
    slow = -(targets * torch.log_softmax(logits, 1)).sum(1).mean()
    assert float(loss) == pytest.approx(float(slow), rel=1e-5)
    assert float(log["train_accuracy"]) == float((logits.argmax(1) == targets.argmax(1)).float().mean())
    held = method.prepare(Batch(x, torch.arange(6), torch.arange(6) % 3, True), torch.Generator())
    assert torch.equal(held[0], x) and held[1].tolist() == [0, 1, 2, 0, 1, 2]


def test_defaults_make_the_views_that_they_made_before() -> None:
    from regard.data.views import photo_recipe, view

    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.arange(4), torch.tensor([0, 1, 1, 0]))
    inputs, targets = Method(recipe="photo").prepare(batch, torch.Generator().manual_seed(3))
    assert torch.equal(inputs, view(x, photo_recipe(32), torch.Generator().manual_seed(3)))
    assert torch.equal(targets, batch.labels)


def test_stronger_views_are_further_from_the_image() -> None:
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).expand(64, -1, -1, -1).contiguous()
    x = nn.functional.avg_pool2d(x, 8, 1, 4)[..., :32, :32]
    batch = Batch(x, torch.arange(64), torch.zeros(64, dtype=torch.long))
    for recipe in ("photo", "digit"):
        far = []
        for level in ("none", "light", "standard", "strong"):
            views = Method(recipe=recipe, augment=level).prepare(batch, torch.Generator().manual_seed(0))[0]
            assert 0 <= views.min() and views.max() <= 1
            far.append(float((views - x).abs().mean()))
        assert far[0] == 0 and sorted(far) == far and len(set(far)) == 4, (recipe, far)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mixup": -1.0}, "--set mixup"),
        ({"cutmix": float("nan")}, "--set cutmix"),
        ({"recipe": "none", "augment": "strong"}, "--set augment: .*got strong with recipe none"),
        ({"smoothing": 1.0}, "--set smoothing"),
    ],
)
def test_settings_that_say_nothing_are_refused(wrong: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Method(**wrong)


def test_finetune_learns_by_the_same_settings(tmp_path) -> None:
    from regard.data.builtin import builtin
    from regard.learning.settings import TrainSettings
    from regard.reuse.finetune import finetune

    images = builtin("digits").subset(np.arange(120))
    settings = TrainSettings(steps=3, batch=16, precision="fp32", device="cpu")
    found = {
        name: finetune(images, None, "random:convnet4", out=tmp_path / name, settings=settings, method=method).metrics
        for name, method in (("plain", {}), ("mixed", {"mixup": "0.4", "cutmix": "1", "augment": "strong"}))
    }
    assert found["plain"]["train_loss"] != found["mixed"]["train_loss"] > 0
