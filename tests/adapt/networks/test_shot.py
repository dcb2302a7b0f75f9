"""SHOT: information maximisation and pseudo-labels by hand; the classifier and the source stay out of it."""

from pathlib import Path

import numpy as np
import torch

from helpers.adapting import run, seen
from regard.adapt.networks.shot import Method, PseudoLabels, centroid_labels, information_loss
from regard.core.storage import load_tensors


def test_certainty_and_diversity_equal_numpy() -> None:
    logits = np.random.default_rng(0).normal(size=(7, 4))
    P = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    certain, diverse = information_loss(torch.from_numpy(logits))
    mean = P.mean(0)
    assert np.isclose(float(certain), -(P * np.log(P)).sum(1).mean())
    assert np.isclose(float(diverse), -(mean * np.log(mean)).sum())


def test_pseudo_labels_follow_the_clusters_not_the_predictions() -> None:
    angles = np.deg2rad([0, 4, 8, 12, 80, 84, 88, 92])
    z = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], 1)) * 5
    P = torch.full((8, 3), 0.05, dtype=torch.double)
    for row, code in enumerate([0, 0, 0, 1, 1, 1, 1, 0]):  # two are wrong, and nobody is of class 2
        P[row, code] = 0.9
    assert centroid_labels(z, P).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_pseudo_labels_do_not_depend_on_the_order_of_images() -> None:
    g = torch.Generator().manual_seed(0)
    z, P = torch.randn(30, 4, generator=g), torch.softmax(3 * torch.randn(30, 3, generator=g), 1)
    order = torch.randperm(30, generator=g)
    assert torch.equal(centroid_labels(z, P)[order], centroid_labels(z[order], P[order]))


def test_images_without_a_pseudo_label_are_left_out() -> None:
    given, parts = seen(), PseudoLabels(9)
    method = Method()
    alone = method.loss(given, parts)[0]
    certain, diverse = information_loss(given.target_logits)
    assert torch.isclose(alone, certain - diverse)
    parts.labels[4] = 2
    taught = torch.nn.functional.cross_entropy(given.target_logits[4:5], torch.tensor([2]))
    assert torch.isclose(method.loss(given, parts)[0], certain - diverse + 0.3 * taught)


def test_the_sources_classifier_stays_as_it_is_and_the_network_does_not(tmp_path: Path) -> None:
    folders = {"none": {"weight": 0}, "one": {}}
    found = {}
    for name, chosen in folders.items():
        run("shot", tmp_path / name, chosen=chosen)
        found[name] = [load_tensors(tmp_path / name / file) for file in ("classifier.safetensors", "model.safetensors")]
    assert all(torch.equal(found["none"][0][key], value) for key, value in found["one"][0].items())
    assert any(not torch.equal(found["none"][1][key], value) for key, value in found["one"][1].items())
