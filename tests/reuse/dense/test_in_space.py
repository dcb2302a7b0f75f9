"""Codes of objects in space: they come back exactly, and mirrored and enlarged pictures keep to their geometry."""

import numpy as np
import pytest
import torch

from regard.core.checks import InputError
from regard.data.scenes import scenes
from regard.reuse.dense.in_space import (
    boxes_around,
    camera_mirrored,
    camera_moved,
    check_camera,
    corners,
    decode,
    encode,
    mirrored,
)


def some(n: int = 200):
    """Objects anywhere in sight, turned in all directions, and the cameras that see them."""
    rng = np.random.default_rng(0)
    z = rng.uniform(2, 60, n)
    space = np.stack([rng.uniform(-0.4, 0.4, n) * z, rng.uniform(-0.3, 0.3, n) * z, z], 1)
    space = np.concatenate([space, rng.uniform(0.3, 5, (n, 3)), rng.uniform(-np.pi, np.pi, (n, 1))], 1)
    camera = np.stack([rng.uniform(60, 800, n), rng.uniform(60, 800, n), *rng.uniform(30, 300, (2, n))], 1)
    return torch.tensor(space).float(), torch.tensor(camera).float()


def seen_by(camera: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    return points[..., :2] / points[..., 2:] * camera[..., None, :2] + camera[..., None, 2:]


def test_codes_come_back():
    space, camera = some()
    means = torch.rand(200, 3) + 0.5
    seen, codes = encode(space, camera, means, -3.0)
    found = decode(seen, codes, camera, means, -3.0)
    assert (found[:, :6] - space[:, :6]).abs().max() < 1e-3 and (found - space)[:, 6].abs().max() < 1e-4
    relative = (found - space)[:, :6].abs() / space[:, :6].abs().clamp(min=1)
    assert relative.max() < 1e-4
    assert torch.allclose(seen, seen_by(camera, space[:, None, :3])[:, 0], rtol=1e-5, atol=1e-2)


def test_alpha_is_kittis_and_scenes_say_the_same():
    images = scenes(10, 64, seed=3)
    for known in images.annotations:
        boxes = known.boxes3d
        assert boxes is not None and boxes.camera is not None
        middle = boxes.bottom - np.stack([np.zeros(len(boxes)), boxes.size[:, 0] / 2, np.zeros(len(boxes))], 1)
        space = torch.tensor(np.concatenate([middle, boxes.size, boxes.yaw[:, None]], 1))
        k = boxes.camera
        camera = torch.tensor([k[0, 0], k[1, 1], k[0, 2] + 0.5, k[1, 2] + 0.5]).float()
        seen, codes = encode(space, camera, torch.ones(len(boxes), 3), 0.0)
        alpha = torch.atan2(codes[:, 4], codes[:, 5]).numpy()
        assert np.allclose(np.cos(alpha - boxes.alpha), 1, atol=1e-5)
        assert np.allclose(corners(space).numpy(), boxes.corners(), atol=1e-4)
        inside = boxes_around(space, camera, 64).numpy()
        assert np.allclose(inside, boxes.xyxy, atol=1e-3)


def test_a_mirror_turns_objects_over():
    """What is seen at u is seen at 96 - u, the front too; twice mirrored is as before."""
    space, camera = some()
    other, its = mirrored(space), camera_mirrored(camera, 96)
    before, after = seen_by(camera, corners(space)), seen_by(its, corners(other))
    flipped = torch.stack([96 - before[..., 0], before[..., 1]], -1)
    front = [0, 1, 4, 5], [1, 0, 5, 4]  # a mirror exchanges left and right
    visible = corners(space)[..., 2].min(1).values > 0.2
    assert torch.allclose(after[visible][:, front[0]], flipped[visible][:, front[1]], rtol=1e-3, atol=0.05)
    assert torch.allclose(mirrored(other), space, atol=1e-5)
    assert torch.equal(camera_mirrored(its, 96)[:, :2], camera[:, :2])
    codes = [encode(*one, torch.ones(200, 3), 0.0)[1] for one in ((space, camera), (other, its))]
    assert torch.allclose(codes[0][:, :4], codes[1][:, :4], atol=1e-5)
    # what looks left is seen to look right: alpha -> pi - alpha
    assert torch.allclose(codes[0][:, 4], codes[1][:, 4], atol=1e-4)
    assert torch.allclose(codes[0][:, 5], -codes[1][:, 5], atol=1e-4)


def test_an_enlarged_picture_is_that_of_a_longer_lens():
    space, camera = some(4)
    zoom, cut, put = torch.tensor([2.0, 1, 0.5, 1.5]), torch.tensor([[3, 4]] * 4), torch.tensor([[0, 7]] * 4)
    moved = camera_moved(camera, zoom.double(), cut, put)
    points = corners(space)
    wanted = zoom[:, None, None] * (seen_by(camera, points) - cut[:, None]) + put[:, None]
    assert torch.allclose(seen_by(moved, points), wanted, rtol=1e-4, atol=1e-2)
    # with the camera that there was, the codes say that it is nearer by as much
    codes = [encode(space, one, torch.ones(4, 3), 0.0)[1] for one in (camera, moved)]
    assert torch.allclose(codes[1][:, 0], codes[0][:, 0] - zoom.log(), atol=1e-5)
    assert torch.equal(codes[1][:, 1:], codes[0][:, 1:])


def test_a_box_is_cut_at_the_edges_and_what_is_behind_the_camera_does_not_turn_it_over():
    camera = torch.tensor([100.0, 100, 50, 50])
    whole = torch.tensor([[0.0, 0, 10, 2, 2, 2, 0], [0, 0, 0.5, 2, 2, 2, 0]])
    boxes = boxes_around(whole, camera, 100)
    near = 100 / 9  # 1 m at the side that is 9 m away
    assert boxes[0].tolist() == pytest.approx([50 - near, 50 - near, 50 + near, 50 + near], abs=1e-3)
    assert boxes[1].tolist() == [0, 0, 100, 100]


def test_cameras_of_other_pictures_are_refused():
    with pytest.raises(InputError, match="^camera: "):
        check_camera(torch.zeros(3, 4), 2)
