import numpy as np
import pytest
import torch
from torch import nn

from helpers.pictures import batch_of as images
from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.create.pretext._decoder import MapDecoder, VectorDecoder, last_map, map_shape, mean_colour, moved
from regard.create.pretext.autoencoder import Method
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.objective import Split
from regard.learning.settings import TrainSettings


@pytest.mark.parametrize("size", [32, 33, 50, 64, 97])
@pytest.mark.parametrize("side", [1, 3, 4, 7, 120])
def test_a_map_of_any_side_becomes_an_image_of_any_size(side: int, size: int) -> None:
    decoder = MapDecoder(8, side, size, (0.1, 0.5, 0.9)).eval()
    with torch.no_grad():
        found = decoder(torch.zeros(2, 8, side, side))
    assert found.shape == (2, 3, size, size)
    # no features, no bias but the last: the colour that it was told
    assert torch.allclose(found.mean((0, 2, 3)), torch.tensor([0.1, 0.5, 0.9]), atol=1e-5)
    with torch.no_grad():
        assert VectorDecoder(5, size).eval()(torch.zeros(2, 5)).shape == (2, 3, size, size)


def test_doublings_halve_the_channels_and_nothing_is_scaled_where_sides_fit() -> None:
    decoder = MapDecoder(128, 4, 32)
    widths = [m.out_channels for m in decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert widths == [64, 32, 3] and decoder.layers(torch.zeros(2, 128, 4, 4)).shape[-1] == 32
    x = torch.randn(2, 128, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(decoder.eval()(x), decoder.layers(x).sigmoid())


def test_a_black_or_white_set_starts_with_finite_weights() -> None:
    assert torch.isfinite(MapDecoder(8, 4, 32, (0.0, 1.0, 0.5)).layers[-1].bias).all()


@pytest.mark.parametrize(("name", "size"), [("convnet4", 50), ("timm:test_resnet", 64), ("timm:test_vit", 64)])
def test_the_last_map_has_places_in_order_in_every_kind_of_network(name: str, size: int) -> None:
    encoder = make_encoder(name, size=size).eval()
    channels, side = map_shape(encoder)
    x = images(2, size)
    with torch.no_grad():
        found = last_map(encoder, x)
        assert found.shape == (2, channels, side, side)
        assert torch.equal(found.flatten(2).transpose(1, 2), encoder.tokens(x))
        if "vit" not in name:
            assert torch.allclose(found, encoder.maps(x)[-1], atol=1e-5)


def test_mean_colour_is_that_of_the_pixels_and_unreadable_files_are_passed_over(tmp_path) -> None:
    rng = np.random.default_rng(0)
    items = [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(5)]
    given = ImageSet(items, np.array(list("abcde")))
    assert mean_colour(given) == pytest.approx(np.stack(items).mean((0, 1, 2)) / 255, abs=1e-4)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    assert mean_colour(ImageSet([*items, broken], np.array(list("abcdef")))) == mean_colour(given)
    assert mean_colour(ImageSet([broken], np.array(["a"]))) == (0.5, 0.5, 0.5)


def test_moving_changes_places_only() -> None:
    x = torch.zeros(4, 3, 16, 16)
    x[:, 0] = 1
    assert torch.allclose(moved(x, "photo", torch.Generator().manual_seed(0)), x, atol=1e-5), "colours stay"
    assert torch.equal(moved(images(), "none", torch.Generator()), images())
    assert not torch.equal(moved(images(), "photo", torch.Generator().manual_seed(0)), images())


def test_loss_is_the_mean_squared_error_and_the_answer_is_the_nearest_drawing() -> None:
    x, drawn = images(6, 8), images(7, 8)[1:]

    class Draws(nn.Module):
        def forward(self, x):
            return drawn

    loss, _ = Method().loss(nn.Identity(), Draws(), x, x)
    assert float(loss) == pytest.approx(np.mean((drawn.numpy() - x.numpy()) ** 2), rel=1e-5)
    found = Method(candidates=3).correct(nn.Identity(), Draws(), x, x)[:, 0].tolist()
    slow = []
    for i in range(6):
        contest = range(i // 3 * 3, i // 3 * 3 + 3)
        slow.append(float(min(contest, key=lambda j: float((drawn[i] - x[j]).square().sum())) == i))
    assert found == slow


def test_held_out_images_are_not_moved_and_what_is_moved_is_what_is_drawn() -> None:
    x = images()
    inputs, targets = Method(recipe="photo").prepare(Batch(x, torch.arange(4), None, True), torch.Generator())
    assert torch.equal(inputs, x) and torch.equal(targets, x)
    inputs, targets = Method(recipe="photo").prepare(Batch(x, torch.arange(4)), torch.Generator().manual_seed(0))
    assert torch.equal(inputs, targets) and not torch.equal(inputs, x)


def test_contests_are_no_larger_than_the_held_out_set() -> None:
    few = ImageSet([np.zeros((8, 8), np.uint8)] * 3, np.array(list("abc")))
    fitted = Method().configure(Split(few, few, True))
    assert fitted.candidates == 3 and fitted.chance == 1 / 3 and fitted.colour == (0, 0, 0)
    with pytest.raises(InputError, match="--set candidates"):
        Method(candidates=1)


@pytest.mark.slow
def test_digits_are_drawn_so_that_they_are_told_apart(tmp_path) -> None:
    settings = TrainSettings(steps=60, batch=32, precision="fp32", eval_every=60)
    made = train(builtin("digits"), "autoencoder", out=tmp_path / "run", settings=settings, size=32)
    scores = made.card["scores"]
    assert scores["p_value"] < 1e-3 and scores["accuracy"] > 0.5 and scores["shuffled_accuracy"] < 0.15
