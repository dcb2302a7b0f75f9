"""Networks whose features are no plain maps: they give maps that are right, or one sentence; never wrong cells."""

import pytest
import torch

from regard.backbones.encoder import Encoder, make_encoder
from regard.core.checks import InputError
from regard.representation.runner import make_runner

# several branches, class tokens only at the end, fine and coarse tokens, convolutions after the maps
ODD = [
    "crossvit_tiny_240",
    "pit_ti_224",
    "efficientvim_m1",
    "levit_128s",
    "volo_d1_224",
    "ghostnet_050",
    "test_vit2",
]


@pytest.mark.parametrize("name", ODD)
def test_odd_networks_give_maps_whose_cells_lie_in_the_grid(name):
    encoder = make_encoder(f"timm:{name}").eval()
    height, width = encoder.input_shape
    x = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps, last, tokens, vector = encoder.maps(x), encoder.last_map(x), encoder.tokens(x), encoder(x)
    assert len(maps) == len(encoder.feature_info) and vector.shape == (1, encoder.num_features)
    for found, info in zip(maps, encoder.feature_info):
        assert found.ndim == 4 and found.shape[1] == info.channels and found.shape[2] == found.shape[3] > 1
    assert last.shape[2:] == maps[-1].shape[2:]
    assert torch.equal(tokens[0, last.shape[3] + 2], last[0, :, 1, 2])
    if last.shape == maps[-1].shape:
        # the same cells in the same places, but for a last normalisation and activation
        a, b = (one[0].flatten(1).T for one in (last, maps[-1]))
        near = (
            torch.nn.functional.normalize(a - a.mean(1, keepdim=True))
            @ torch.nn.functional.normalize(b - b.mean(1, keepdim=True)).T
        )
        assert bool((near.diagonal() > 0.8).all())
        assert bool((near.diagonal() >= near.max(1).values - 1e-3).all())


class Branches(torch.nn.Module):
    """A network that gives a vector and no maps."""

    feature_info = ()

    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward_features(self, x):
        return x.flatten(2).transpose(1, 2)[:, :7]

    def forward_head(self, x, pre_logits=True):
        return x.mean(1)

    def forward(self, x):
        return self.forward_head(self.forward_features(x))

    def forward_intermediates(self, x, **_):
        if self.features == "fail":
            raise NotImplementedError("no such thing")
        return {"none": [], "tokens": [x.flatten(2)], "pairs": [(x, x)]}[self.features]


@pytest.mark.parametrize("kind", ["fail", "none", "tokens", "pairs"])
def test_without_plain_maps_one_sentence_names_the_network_and_says_what_works(kind):
    config = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    encoder = Encoder("timm:branches", Branches(kind), config, 32)
    x = torch.rand(2, 3, 32, 32)
    assert encoder(x).shape == (2, 3) and encoder.feature_info == []
    for ask in (encoder.maps, encoder.last_map, encoder.tokens):
        with pytest.raises(InputError, match="timm:branches gives no plain maps .* can embed"):
            ask(x)
    with pytest.raises(InputError, match="timm:branches gives no plain maps"):
        make_runner(encoder, layer=0, size=32, batch=2)


def test_a_network_for_other_shapes_than_squares_says_so_where_a_square_is_needed():
    config = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    encoder = Encoder("timm:branches", Branches("none"), config, (32, 48))
    assert encoder.input_shape == (32, 48)
    with pytest.raises(InputError, match="square pictures here, got one for 32 x 48"):
        getattr(encoder, "input_size")  # noqa: B009
    with pytest.raises(AttributeError, match="no attribute"):
        getattr(encoder, "nothing")  # noqa: B009


@pytest.mark.parametrize("name, inside", [("efficientnet_v2_l", False), ("googlenet", True), ("resnet50", False)])
def test_torchvisions_weights_bring_their_own_mean_and_what_they_were_built_with(monkeypatch, tmp_path, name, inside):
    """With weights that are not fetched: a small network in their place."""
    import torchvision

    from regard.representation.representation import Representation

    build = torchvision.models.get_model

    def without_weights(asked, weights=None, **options):
        # inception_v3 and googlenet scale the colours inside with published weights only
        small = asked if asked == "googlenet" else "squeezenet1_1"
        given = {"aux_logits": False, "init_weights": False} if small == "googlenet" else {}
        network = build(small, weights=None, **given | {k: v for k, v in options.items() if k in given})
        if small == "googlenet":
            network.transform_input = options.get("transform_input", weights is not None)
        return network

    monkeypatch.setattr(torchvision.models, "get_model", without_weights)
    monkeypatch.setattr("regard.backbones.published._no_answer", lambda host: "")
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    rep = Representation.load(f"torchvision:{name}")
    assert list(rep.encoder.config["mean"]) == list(preset.mean)
    assert list(rep.encoder.config["std"]) == list(preset.std)
    assert (rep.preprocess.size, rep.preprocess.resize) == (preset.crop_size[0], preset.resize_size[0])
    assert rep.preprocess.interpolation == preset.interpolation.value
    rep.save(tmp_path / "kept")
    again = Representation.load(tmp_path / "kept")
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(again.encoder.eval()(x), rep.encoder.eval()(x))
    assert again.fingerprint == rep.fingerprint
    assert getattr(again.encoder.network.body, "transform_input", False) is inside
