"""The simulated lens moves green and nothing else; the probe finds it, and finds nothing where there is nothing."""

import pytest
import torch

from regard.core.checks import InputError
from regard.core.runtime import torch_rng
from regard.create.aberration import _patches, _turned, aberrate, position_probe


def textures(n: int = 6, size: int = 96) -> torch.Tensor:
    """Blobs in black and white, the same all over: nothing but a lens can tell a place in them."""
    noise = torch.rand(n, 1, size // 4, size // 4, generator=torch_rng(0, "textures"))
    smooth = torch.nn.functional.interpolate(noise, size=(size, size), mode="bicubic").clamp(0, 1)
    return (smooth > 0.5).float().expand(-1, 3, -1, -1).contiguous()


def test_green_is_enlarged_about_the_middle_and_the_rest_stays() -> None:
    size, scale = 201, 0.1
    along = torch.linspace(0, 1, size)
    x = torch.stack([along.expand(size, size), along.expand(size, size), along[:, None].expand(size, size)])[None]
    seen = aberrate(x, scale)
    assert torch.equal(seen[:, 0], x[:, 0]) and torch.equal(seen[:, 2], x[:, 2])
    # a ramp enlarged about its middle is a flatter ramp through the same middle
    expected = 0.5 + (along - 0.5) / (1 + scale)
    assert (seen[0, 1, 100] - expected).abs().max() < 1e-3
    assert not torch.equal(seen[:, 1], x[:, 1]) and 0 <= seen.min() and seen.max() <= 1


def test_a_point_moves_outwards_by_its_distance_from_the_middle_times_the_scale() -> None:
    x = torch.zeros(1, 3, 201, 201)
    x[:, :, 100, 150] = 1
    seen = aberrate(x, 0.1)
    assert int(seen[0, 0].argmax()) == 100 * 201 + 150
    assert int(seen[0, 1].argmax()) == 100 * 201 + 155


def test_no_scale_changes_nothing_and_each_photo_is_seen_alone() -> None:
    x = torch.rand(3, 3, 40, 60, generator=torch_rng(0))
    assert torch.allclose(aberrate(x, 0.0), x, atol=1e-5)
    assert torch.allclose(aberrate(x, 0.05)[1:2], aberrate(x[1:2], 0.05), atol=1e-6)
    with pytest.raises(InputError, match="scale"):
        aberrate(x, 2.0)


def test_places_are_those_of_the_patches() -> None:
    size, side = 65, 9
    along = torch.linspace(-1, 1, size)
    ramps = torch.stack([along.expand(size, size), along[:, None].expand(size, size), torch.zeros(size, size)])[None]
    x, places = _patches(ramps, 40, side, torch_rng(0))
    reach = (size - side) / (size - 1)  # the middle of the outermost patch lies inside the photo
    assert torch.allclose(x[:, :2, side // 2, side // 2], reach * places, atol=1e-5)
    assert places.abs().max() <= 1 and places.std() > 0.4


def test_turned_patches_are_those_of_the_turned_photo() -> None:
    photo, side = torch.rand(1, 3, 33, 33, generator=torch_rng(0)), 5
    flats = (photo, photo.transpose(2, 3))
    sights = [sight for flat in flats for sight in (flat, flat.flip(2), flat.flip(3), flat.flip(2, 3))]
    last, found = 33 - side, set()
    for patch, place in zip(*_turned(*_patches(photo, 60, side, torch_rng(1)), torch_rng(2))):
        left, top = ((place + 1) * last / 2).round().long().tolist()
        cuts = [sight[0, :, top : top + side, left : left + side] for sight in sights]
        same = [number for number, one in enumerate(cuts) if torch.equal(patch, one)]
        assert len(same) == 1
        found.add(same[0])
    assert len(found) == 8, "all mirrorings and transpositions occur"


@pytest.mark.parametrize("wrong", [[], range(6)])
def test_photos_must_be_left_on_both_sides(wrong) -> None:
    with pytest.raises(InputError, match="held_out"):
        position_probe(textures(), wrong)


def test_photos_must_be_larger_than_patches() -> None:
    with pytest.raises(InputError, match="expected squares of more than 96 pixels"):
        position_probe(textures(), [0], side=96)
    with pytest.raises(InputError, match="photos"):
        position_probe(textures()[:, :, :-1], [0])


def test_the_probe_is_repeatable_and_leaves_photos_and_the_global_generator() -> None:
    photos, state = textures(), torch.random.get_rng_state()
    before = photos.clone()
    first, second = (position_probe(photos, [0], aberration=0.05, steps=3, each=4, seed=1) for _ in range(2))
    assert first == second and torch.equal(photos, before)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.slow
def test_a_lens_tells_the_place_and_dropping_channels_cures_it() -> None:
    photos = textures(12)
    error = {
        name: position_probe(photos, range(4), aberration=lens, colour=colour, steps=60)
        for name, lens, colour in (("plain", 0.0, "keep"), ("lens", 0.05, "keep"), ("dropped", 0.05, "drop"))
    }
    assert error["lens"] < 0.8 and error["plain"] > 0.95 and error["dropped"] > 0.95, error
