import pytest
import torch
from timm import create_model

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError

# one of each shape of network: ours, a plain CNN, channels-last windows, a plain transformer, torchvision's kinds
NETWORKS = [
    ("convnet4", None),
    ("timm:test_resnet", 64),
    ("timm:test_convnext", 64),
    ("timm:test_vit", None),
    ("timm:swin_tiny_patch4_window7_224", 56),
    ("torchvision:resnet18", 64),
    ("torchvision:squeezenet1_1", 64),
    ("torchvision:swin_t", 64),
    ("torchvision:vit_b_16", 64),
    ("torchvision:googlenet", 64),
]


@pytest.mark.parametrize("name, size", NETWORKS)
def test_maps_tokens_and_vector_have_the_shapes_that_are_told(name, size):
    encoder = make_encoder(name, size=size).eval()
    side = encoder.input_size
    x = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps, tokens, vector = encoder.maps(x), encoder.tokens(x), encoder(x)
    assert len(maps) == len(encoder.feature_info)
    for found, info in zip(maps, encoder.feature_info):
        assert found.shape[:2] == (2, info.channels)
        assert found.shape[2] == found.shape[3]
        assert abs(found.shape[3] * info.reduction - side) < side * 0.1
    assert tokens.shape[:2] == (2, maps[-1].shape[2] ** 2)
    assert vector.shape == (2, encoder.num_features)
    assert [m.shape[2] for m in maps] == sorted((m.shape[2] for m in maps), reverse=True)


def test_normalisation_is_inside():
    encoder = make_encoder("timm:test_resnet").eval()
    network = encoder.network
    x = torch.rand(1, 3, 160, 160)
    mean, std = (torch.tensor(encoder.config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features((x - mean) / std), pre_logits=True)
        assert torch.equal(encoder(x), expected)


def test_tokens_are_the_cells_of_the_last_map_in_rows():
    encoder = make_encoder("convnet4").eval()
    x = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        last, tokens = encoder.maps(x)[-1], encoder.tokens(x)
    assert torch.equal(tokens[0, 1], last[0, :, 0, 1])
    assert torch.allclose(tokens.mean(1), encoder(x), atol=1e-6)


def test_seeds_decide_the_weights_and_leave_the_global_state():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    a, b, c = (make_encoder("convnet4", seed=seed).state_dict()["network.blocks.0.0.weight"] for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_convnet4_is_a_timm_network():
    network = create_model("convnet4", num_classes=7)
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    network.reset_classifier(0)
    assert network(torch.rand(2, 3, 17, 23)).shape == (2, 128)


def test_names_and_sizes_that_cannot_be():
    with pytest.raises(InputError, match="Did you mean 'resnet18'"):
        make_encoder("resnet18x")
    with pytest.raises(InputError, match="timm, torchvision"):
        make_encoder("keras:resnet50")
    with pytest.raises(InputError, match="size"):
        make_encoder("convnet4", size=4)
    assert make_encoder("timm:test_vit", size=96).tokens(torch.rand(1, 3, 96, 96)).shape == (1, 36, 64)
