"""Auxiliary heads: in training with labels they reach the middle of GoogLeNet, and nothing of them is kept."""

import torch
from torch import nn

from regard.backbones.auxiliary import auxiliaries_of, logits_of, with_auxiliaries
from regard.backbones.encoder import make_encoder
from regard.core.discover import load
from regard.representation.representation import Representation


def made(name="googlenet_scaled", size=32, classes=5):
    encoder = make_encoder(name, size=size)
    head = with_auxiliaries(nn.Linear(encoder.num_features, classes), encoder, classes)
    return encoder, head, torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_each_head_gets_the_map_of_its_module_in_the_same_run_of_the_network():
    encoder, head, x = made()
    assert [one.module for one in auxiliaries_of(encoder)] == ["features.inception4a", "features.inception4d"]
    assert all(one.weight == 0.3 for one in auxiliaries_of(encoder))
    for one in head.auxiliary.modules():
        if isinstance(one, nn.Dropout):
            one.p = 0.0
    logits, beside = logits_of(encoder, head, x)
    assert torch.allclose(logits, head(encoder(x)), atol=1e-6)
    for (weight, found), part, one in zip(beside, head.auxiliary, auxiliaries_of(encoder)):
        expected = part(encoder.layer(one.module.removeprefix("network."))(x))
        assert weight == 0.3 and torch.allclose(found, expected, atol=1e-5)
    assert not any(module._forward_hooks for module in encoder.modules())


def test_the_papers_head_averages_five_by_five_cells_every_three():
    encoder, _, _ = made("googlenet", 224)
    head = auxiliaries_of(encoder)[0].build(1000)
    x = torch.rand(1, 512, 14, 14, generator=torch.Generator().manual_seed(0))
    assert torch.equal(head[0](x), nn.functional.avg_pool2d(x, 5, 3)) and head[0](x).shape[-1] == 4
    # 1x1 convolution of 128, hidden layer of 1,024, dropout of 0.7 (section 5)
    assert head[1].weight.shape[:2] == (128, 512) and head[4].weight.shape == (1024, 2048) and head[6].p == 0.7
    assert head(x).shape == (1, 1000) and auxiliaries_of(encoder)[1].build(2)[1].in_channels == 528


def test_without_training_and_without_such_a_network_there_are_none():
    encoder, head, x = made()
    assert logits_of(encoder, head.eval(), x)[1] == []
    plain, head, x = made("convnet4")
    assert not hasattr(head, "auxiliary") and logits_of(plain, head, x)[1] == []


def test_the_task_labels_adds_their_losses():
    task = load("task", "labels")(classes=("a", "b", "c"))
    encoder = make_encoder("googlenet_scaled").train()
    head = task.head(encoder)
    x, y = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0])
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of dropout
        loss, _ = task.loss(encoder, head, x, y)
        torch.manual_seed(0)
        logits, beside = logits_of(encoder, head, x)
    ce = nn.functional.cross_entropy
    assert torch.allclose(loss, ce(logits, y) + 0.3 * sum(ce(one, y) for _, one in beside))
    loss.backward()
    assert all(one.grad is not None for one in head.auxiliary.parameters())


def test_nothing_of_them_is_in_a_saved_representation(tmp_path):
    rep = Representation.load("random:googlenet_scaled")
    names = rep.encoder.network.state_dict()
    assert not any("auxiliary" in name for name in names)
    assert Representation.load(rep.save(tmp_path / "rep")).fingerprint == rep.fingerprint
