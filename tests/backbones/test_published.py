"""Weights that cannot be had are told in seconds and one sentence; nothing is opened that is not asked for."""

import logging

import huggingface_hub.utils
import pytest
import torch
from huggingface_hub import constants

from regard.backbones import published
from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.representation.representation import Representation


class Client:
    """A hub that cannot be reached, and that counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def head(self, address: str, timeout: float) -> None:
        self.asked.append(address)
        logging.getLogger("huggingface_hub").warning("Retrying in 1s [Retry 1/5]")
        assert timeout <= 10
        raise ConnectionError("no route to host")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    client = Client()
    monkeypatch.setattr(huggingface_hub.utils, "get_session", lambda: client)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(published, "_in_hub", lambda repository: False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    return client


@pytest.mark.parametrize(
    "name", ["timm:resnet18", "timm:vit_tiny_patch16_224.augreg_in21k", "torchvision:resnet18", "torchvision:vgg11"]
)
def test_no_connection_is_one_sentence_at_once(hub, capfd, name):
    with pytest.raises(InputError) as told:
        Representation.load(name)
    text = str(told.value)
    assert "cannot be reached (ConnectionError)" in text and "\n" not in text and len(text) < 400
    assert "imagenet" in text and f"random:{name.partition(':')[2]}" in text
    assert len(hub.asked) == 1 and capfd.readouterr() == ("", "")


def test_the_name_that_is_offered_is_one(hub):
    assert Representation.load("random:resnet18").name == "random:resnet18" and not hub.asked


@pytest.mark.parametrize("count", [1, 7])
def test_what_was_fetched_before_is_named(hub, count):
    for number in range(count):
        kept = published.Path(constants.HF_HUB_CACHE) / f"models--timm--net{number}.x" / "snapshots" / "abc"
        kept.mkdir(parents=True)
        (kept / "model.safetensors").touch()
    with pytest.raises(InputError, match=r"fetched before \(timm:net0.x") as told:
        Representation.load("timm:resnet18")
    assert str(told.value).count("timm:net") == min(count, 5)


def test_offline_by_name_asks_nobody(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set"):
        Representation.load("timm:resnet18")
    assert not hub.asked


def test_what_is_kept_is_not_asked_for(hub, monkeypatch):
    seen = []
    monkeypatch.setattr(published, "_in_hub", lambda repository: True)
    with published.weights_of("timm:x", type("Config", (), {"hf_hub_id": "timm/x"})()):
        seen.append(constants.HF_HUB_OFFLINE)
    assert seen == [True] and constants.HF_HUB_OFFLINE is False and not hub.asked


def test_a_failure_after_an_answer_is_told_too(hub, monkeypatch):
    monkeypatch.setattr(hub, "head", lambda address, timeout: None, raising=False)
    config = type("Config", (), {"hf_hub_id": "timm/x"})()
    with (
        pytest.raises(InputError, match="OSError: first line. Without a connection"),
        published.weights_of("timm:x", config),
    ):
        raise OSError("first line\nsecond line")
    assert logging.getLogger("huggingface_hub").level != logging.CRITICAL


def test_a_network_without_published_weights(hub):
    with pytest.raises(InputError, match="random:convnet4"):
        make_encoder("timm:convnet4", pretrained=True)
    assert not hub.asked


@pytest.mark.parametrize("name, size", [("inception_v3", 16), ("torchvision:vit_b_32", 33)])
def test_a_size_that_a_network_does_not_take(monkeypatch, name, size):
    monkeypatch.setattr("regard.backbones.encoder.TRIALS", 0.0)
    with pytest.raises(InputError, match=r"^--size: expected a size .* got \d+ pixels. It is made for \d+") as told:
        make_encoder(name, size=size)
    assert "give --size" in str(told.value)
