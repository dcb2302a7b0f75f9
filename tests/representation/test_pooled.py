"""A representation that pools and whitens in its own way: vectors as by hand, a folder that keeps it whole."""

import numpy as np
import pytest
import timm
import torch

from regard.core.checks import InputError
from regard.data.decode import decode
from regard.representation.embed import embed
from regard.representation.pooled import Pooled
from regard.representation.pooling import fisher, gem, multi_scale, rmac, vlad
from regard.representation.representation import VOCABULARY, Representation
from regard.representation.transform.steps import Power
from regard.representation.transform.whitening import fit_whitening

SMALL = "random:timm:test_resnet"


def pixels(folder, rep):
    return torch.stack([rep.preprocess.apply(decode(path)) for path in sorted(folder.rglob("*.png"))]).float() / 255


def small(pooled=None) -> Representation:
    rep = Representation.load(SMALL)
    rep.pooled = pooled
    return rep


def close(a, b):
    return np.abs(a - b).max() < 1e-4 * np.abs(b).max()


@pytest.mark.parametrize("name", ["random:convnet4", "random:timm:test_vit", "random:torchvision:squeezenet1_1"])
def test_the_last_map_is_what_tokens_are_of(name):
    encoder = Representation.load(name).encoder
    side = encoder.input_size
    x = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        last, tokens = encoder.last_map(x), encoder.tokens(x)
    assert last.shape[:2] == (2, tokens.shape[2]) and last.shape[2] == last.shape[3]
    assert torch.equal(last[1, :, 0, 1], tokens[1, 1])


def test_vectors_are_those_of_the_pooling(class_folder):
    rep = small(Pooled.of("gem", {"p": 4}))
    with torch.inference_mode():
        by_hand = gem.gem(rep.encoder.last_map(pixels(class_folder, rep)), p=4).numpy()
    assert close(embed(class_folder, rep, precision="fp32").vectors, by_hand)
    rep = small(Pooled.of("rmac", {"levels": 2}, (1, 0.5)))
    with torch.inference_mode():
        maps = multi_scale(rep.encoder.last_map, pixels(class_folder, rep), (1, 0.5), rmac.Method(2), 1.0)
    assert close(embed(class_folder, rep, precision="fp32").vectors, maps.numpy())


def test_each_pooling_and_its_settings_have_vectors_of_their_own(class_folder):
    """The cache must not give the vectors of one to another."""
    made = [embed(class_folder, small(Pooled.of("gem", {"p": p}))).vectors for p in (2.0, 5.0)]
    assert not close(made[0], made[1])
    assert not close(made[0], embed(class_folder, small()).vectors)


def test_whitened_vectors_share_the_cache_of_those_before(class_folder):
    rep = small(Pooled.of("gem"))
    before = embed(class_folder, rep)
    rep.transform = Power(0.5)
    after = embed(class_folder, rep)
    assert after.card["from_cache"] == len(after)
    assert np.allclose(after.vectors, before.vectors**0.5, rtol=1e-6)
    assert after.card["fingerprint"] != before.card["fingerprint"]


@pytest.mark.parametrize("learn", [vlad, fisher])
def test_a_folder_keeps_vocabulary_and_whitening(tmp_path, class_folder, learn):
    rep = small()
    with torch.inference_mode():
        maps = rep.encoder.last_map(pixels(class_folder, rep))
    rep.pooled = Pooled(learn.__name__.rpartition(".")[2], learn.fit(maps, k=4, dim=8))
    rep.transform = fit_whitening(np.random.default_rng(0).normal(size=(40, embed(class_folder, rep).dim)), dim=5)
    rep.save(tmp_path / "rep")
    found = Representation.load(tmp_path / "rep")
    assert found.fingerprint == rep.fingerprint
    mine, theirs = (embed(class_folder, one, cache=False).vectors for one in (rep, found))
    assert np.array_equal(mine, theirs) and mine.shape[1] == 5
    timm.create_model(f"local-dir:{tmp_path / 'rep'}", pretrained=True, num_classes=0)
    # saved again without whitening there is none
    rep.transform = None
    rep.save(tmp_path / "rep")
    assert Representation.load(tmp_path / "rep").transform is None


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Pooled.of("gen"), "--pooling: expected one of"),
        (lambda: Pooled.of("vlad"), "--pooling: expected what vlad.fit learned"),
        (lambda: Pooled.of("gem", {"q": 3}), "--set: expected one of"),
        (lambda: Pooled.of("gem", {"p": 0}), "p: expected"),
        (lambda: Pooled.of("gem", scales=()), "--scales: expected at least one"),
        (lambda: Pooled.of("gem", scales=(1, 0)), "--scales: expected"),
        (lambda: Pooled("rmac", rmac.Method(whiten=lambda x: x)).state(), "whiten of rmac: expected a setting"),
    ],
)
def test_what_cannot_be_pooled_is_said(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_pooling_without_a_vocabulary_is_kept_too(tmp_path):
    small(Pooled.of("gem", {"p": 4.0}, (1, 0.5))).save(tmp_path)
    found = Representation.load(tmp_path).pooled
    assert (found.name, found.method, found.scales) == ("gem", gem.Method(p=4.0), (1, 0.5))
    small().save(tmp_path)
    assert Representation.load(tmp_path).pooled is None


def test_a_damaged_folder_is_said(tmp_path, class_folder):
    maps = small().encoder.last_map(pixels(class_folder, small())).detach()
    small(Pooled("vlad", vlad.fit(maps, k=2, dim=4))).save(tmp_path)
    (tmp_path / VOCABULARY).write_bytes(b"nothing")
    with pytest.raises(InputError, match="safetensors"):
        Representation.load(tmp_path)
    (tmp_path / VOCABULARY).unlink()
    with pytest.raises(InputError, match=r"no pooling\.safetensors, which its card names"):
        Representation.load(tmp_path)
    (tmp_path / "card.json").write_text("{}")  # of an earlier version, without checksums
    with pytest.raises(InputError, match="pooling: expected name, settings and scales"):
        Representation.load(tmp_path)


def test_layers_are_of_the_network_alone(class_folder):
    with pytest.raises(InputError, match="--layer"):
        embed(class_folder, small(Pooled.of("gem")), layer=1)
