"""A sigmoid for each label."""

import numpy as np
import pytest
import torch
from torch import nn

from regard.core.checks import InputError
from regard.create.pretext.multitask import Method as Multitask
from regard.create.run import train
from regard.create.selection import Selection
from regard.create.supervised.multilabel import Method, smoothed_binary_cross_entropy
from regard.data.imageset import ImageSet
from regard.data.scenes import scenes
from regard.learning.batch import Batch
from regard.learning.objective import Split
from regard.learning.settings import TrainSettings
from regard.metrics.multilabel import mean_label_precision
from regard.representation.classifier import read_classifier
from regard.reuse.predict import predict


def tagged(texts: list[str]) -> ImageSet:
    items = [np.full((8, 8), i, np.uint8) for i in range(len(texts))]
    return ImageSet(items, np.array([f"{i}" for i in range(len(texts))]), np.array(texts))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_the_slow_sum(smoothing: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(5, 3, generator=generator), (torch.rand(5, 3, generator=generator) < 0.5).float()
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    q = (1 - smoothing) * targets.double().numpy() + smoothing / 2
    slow = -np.mean(q * np.log(p) + (1 - q) * np.log(1 - p))
    assert float(smoothed_binary_cross_entropy(logits, targets, smoothing)) == pytest.approx(slow, rel=1e-5)
    assert smoothed_binary_cross_entropy(logits.bfloat16(), targets).dtype == torch.float32


def test_classes_targets_and_chance_come_from_the_data() -> None:
    train_set, held = tagged(["cat|sofa", "sofa", "|"]), tagged(["cat", "cat|dog", "|", "|"])
    method = Method().configure(Split(train_set, held, True))
    assert method.classes == ("cat", "dog", "sofa") and method.recipe == "digit"
    assert method.chance == pytest.approx((0.5 + 0.25) / 2)
    assert method.marks(held).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]]
    with pytest.raises(InputError, match="no image has a label"):
        Method().configure(Split(tagged(["|", "|"]), tagged(["|"]), True))


def test_what_is_scored_is_mean_average_precision_over_all_images() -> None:
    truth = torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]])
    logits = torch.tensor([[2.0, -1], [-1, -0.5], [1, 3], [1.5, -2]])
    method = Method(classes=("a", "b"))
    columns = method.measure(lambda x: logits[x.long()], nn.Identity(), torch.arange(4), truth)
    found = method.summary(columns)
    assert found == {"map": mean_label_precision(truth > 0, logits), "accuracy": 6 / 8}
    right = method.correct(lambda x: logits, nn.Identity(), None, truth)
    assert right.tolist() == [[1, 1], [1, 0], [1, 1], [0, 1]]


def test_mixed_images_mix_their_labels() -> None:
    x = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1.0, 1], [0, 1], [1, 0], [0, 0]])
    method = Method(recipe="none", mixup=1.0, classes=("a", "b"))
    _, targets = method.prepare(Batch(x, torch.arange(4), labels), torch.Generator().manual_seed(2))
    assert targets.mean(0).tolist() == pytest.approx(labels.mean(0).tolist())
    assert ((targets > 0) & (targets < 1)).any()


def test_a_run_from_annotations_and_the_same_from_a_table(tmp_path) -> None:
    images = scenes(60, size=32, seed=1)
    settings = TrainSettings(steps=4, batch=8, precision="fp32", device="cpu")
    made = train(images, "multilabel", out=tmp_path / "boxes", settings=settings, holdout=0.3)
    scores = made.card["scores"]
    assert 0 < scores["map"] <= 1 and 0 < scores["chance"] < 1 and 0 < scores["p_value"] <= 1
    assert {"untrained_map", "shuffled_map", "ece"} <= set(scores) and "online_knn" not in scores
    found = Selection.read(tmp_path / "boxes")
    assert found.several and found.truth.dtype == bool
    assert scores["map"] == pytest.approx(mean_label_precision(found.truth, found.logits))
    table = ImageSet(images.items, images.ids, np.array(["|".join(one.labels[1:]) for one in images.annotations]))
    again = train(table, "multilabel", out=tmp_path / "table", settings=settings, holdout=0.3)
    assert again.fingerprint == made.fingerprint, "the same labels, wherever they are written"
    assert read_classifier(tmp_path / "boxes", layer=True).classes == found.classes
    with pytest.raises(InputError, match="does not answer by a linear classifier"):
        predict(tmp_path / "boxes", images)


def test_what_several_labels_cannot_do_is_refused(tmp_path) -> None:
    images = scenes(30, size=32)
    with pytest.raises(InputError, match="--balanced: expected one label an image"):
        train(images, "multilabel", out=tmp_path / "run", balanced=True)
    with pytest.raises(InputError, match="several labels for an image"):
        Multitask("multilabel,rotation").configure(Split(images, images, False))
    with pytest.raises(InputError, match="images with labels"):
        train(images.without_labels(), "multilabel", out=tmp_path / "run")
