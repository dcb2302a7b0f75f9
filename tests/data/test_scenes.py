"""Rendered scenes: every label is checked against the solids themselves, by marching along rays."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data import _rendering, _texture
from regard.data import scenes as module
from regard.data._solids import Solid
from regard.data.annotations.boxes3d import Boxes3D
from regard.data.annotations.depth import Depth
from regard.data.annotations.masks import Masks, SemanticMap
from regard.data.annotations.record import Annotations
from regard.data.builtin import builtin, builtin_item
from regard.data.imageset import ImageSet, concatenate
from regard.data.scenes import scenes

KINDS = ("box", "sphere", "cylinder", "cone")


def made(images: ImageSet, row: int) -> module.Scene:
    """The scene behind a row."""
    source = images.annotations.sources[0]
    return source.scene(row)


def all_of(known: Annotations) -> tuple[Masks, SemanticMap, Depth, Boxes3D]:
    assert known.masks is not None and known.semantic is not None
    assert known.depth is not None and known.boxes3d is not None
    return known.masks, known.semantic, known.depth, known.boxes3d


def inside(solid, points: np.ndarray) -> np.ndarray:
    """Which points (..., 3) lie in a solid, by what the solid is and not by where a ray enters it."""
    x, y, z = np.moveaxis((points - solid.centre) @ solid.turn / solid.half, -1, 0)
    if solid.kind == "box":
        return np.maximum(np.maximum(abs(x), abs(y)), abs(z)) < 1
    if solid.kind == "sphere":
        return x * x + y * y + z * z < 1
    wide = 1.0 if solid.kind == "cylinder" else (1 + y) / 2
    return (abs(y) < 1) & (x * x + z * z < wide * wide)


def test_boxes_are_the_extents_of_masks_and_masks_are_the_map_of_classes():
    images = scenes(30, 64, seed=1)
    counts = np.zeros(len(KINDS), int)
    for known in images.annotations:
        masks, semantic, _, _ = all_of(known)
        flat, boxes = masks.arrays(), known.boxes
        assert boxes.xyxy.tolist() == masks.extents.tolist() and (masks.areas > 0).all()
        assert flat.sum(axis=0).max() <= 1
        drawn = np.zeros((64, 64), int)
        for mask, name in zip(flat, boxes.classes):
            drawn[mask] = 1 + KINDS.index(name)
            counts[KINDS.index(name)] += 1
        assert (drawn == semantic.values).all() and semantic.classes == ("background", *KINDS)
    assert (counts > 5).all() and images.annotations.classes == KINDS


@pytest.mark.parametrize("row", range(6))
def test_what_a_ray_meets_first_is_found_by_marching_along_it(row: int):
    images = scenes(6, 32, seed=5)
    scene, known = made(images, row), images.annotations[row]
    masks, _, depth, space = all_of(known)
    camera, metres = depth.intrinsics, depth.metres.astype(float)
    rays = np.linalg.solve(camera, np.stack([*np.meshgrid(range(32), range(32)), np.ones((32, 32))]).reshape(3, -1)).T
    steps = np.arange(0.5, scene.wall, 0.01)
    points = rays[:, None] * steps[:, None]
    held = np.stack([inside(solid, points) for solid in scene.solids])
    first = np.where(held.any(axis=2), steps[held.argmax(axis=2)], np.inf)
    ground = np.where(rays[:, 1] > 0, (scene.ground or np.inf) / np.maximum(rays[:, 1], 1e-12), np.inf)
    behind = np.minimum(ground, scene.wall)
    found = np.minimum(first.min(axis=0), behind).reshape(32, 32)
    assert (abs(found - metres) < 0.011).mean() > 0.995  # a step may pass over an edge
    hit = (first.min(axis=0) < behind).reshape(32, 32)
    assert (hit == masks.arrays().any(axis=0)).mean() > 0.995
    # and exactly: the point on the ray is on the surface
    ends = rays * metres.reshape(-1, 1)
    feet = np.array([solid.centre + [0, solid.extent[0] / 2, 0] for solid in scene.solids])
    for mask, bottom in zip(masks.arrays(), space.bottom):
        solid = scene.solids[int(abs(feet - bottom).sum(axis=1).argmin())]
        on = ends[mask.ravel()]
        middle = solid.centre
        assert not inside(solid, middle + (on - middle) * (1 + 1e-5)).any()
        assert inside(solid, middle + (on - middle) * (1 - 1e-5)).all()
    alone = ~masks.arrays().any(axis=0).ravel()
    assert np.allclose(metres.ravel()[alone], behind[alone], rtol=1e-6)


def test_a_sphere_and_the_ground_at_chosen_pixels_by_hand():
    camera = np.array([[50.0, 0, 20], [0, 50, 10], [0, 0, 1]])
    ball = Solid("sphere", np.array([0.0, 0, 4]), np.full(3, 0.5), np.eye(3), 0.0)
    known = module.known(module.Scene(41, camera, 1.0, 8.0, np.array([0, -1.0, 0]), (ball,), 0), KINDS)
    masks, _, depth, space = all_of(known)
    assert depth.metres[10, 20] == 3.5  # the nearest point of the sphere
    x = 3 / 50  # three pixels to the right: |t (x, 0, 1) - (0, 0, 4)| = 0.5
    assert depth.metres[10, 23] == pytest.approx((4 - np.sqrt(16 - (1 + x * x) * 15.75)) / (1 + x * x), rel=1e-6)
    assert depth.metres[35, 0] == 2.0 and depth.metres[0, 0] == 8.0  # 50 * 1 / 25, and the wall
    edge = 50 * 0.5 / np.sqrt(16 - 0.25)  # the rim, seen from the camera
    assert masks.array(0)[10].sum() == 2 * int(edge) + 1
    assert space.bottom.tolist() == [[0, 0.5, 4]] and space.size.tolist() == [[1, 1, 1]]
    assert not (known.boxes.truncated.any() or known.boxes.occluded.any() or known.boxes.difficult.any())


def test_points_of_a_solid_lie_in_its_box_in_space_and_flags_say_what_is_hidden():
    images = scenes(40, 48, seed=2)
    hidden, cut = 0, 0
    for row, known in enumerate(images.annotations):
        masks, _, depth, space = all_of(known)
        points = depth.points().reshape(48, 48, 3)
        corners = space.projected() + 0.5
        for place, mask in enumerate(masks.arrays()):
            yaw = float(space.yaw[place])
            turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
            own = (points[mask] - space.bottom[place]) @ turn
            height, width, length = space.size[place]
            assert (abs(own[:, 0]) < length / 2 + 1e-4).all() and (abs(own[:, 2]) < width / 2 + 1e-4).all()
            assert (own[:, 1] < 1e-4).all() and (own[:, 1] > -height - 1e-4).all()
            left, top, right, bottom = known.boxes.xyxy[place]
            low, high = corners[place].min(axis=0), corners[place].max(axis=0)
            assert (low <= [left + 0.51, top + 0.51]).all() and (high >= [right - 0.51, bottom - 0.51]).all()
            if known.boxes.truncated[place]:
                assert low.min() < 0.5 or high.max() > 47.5
                cut += 1
            # nearer by the whole of another, or not hidden
            hidden += int(known.boxes.occluded[place])
        scene = made(images, row)
        assert len(scene.solids) >= len(masks)
        if len(scene.solids) == 1:
            assert not known.boxes.occluded.any() and (space.occluded == 0).all()
        assert ((space.occluded > 0) == known.boxes.occluded).all()
        assert (space.truncated[~known.boxes.truncated] < 0.35).all()
    assert hidden > 5 and cut > 5


def test_the_picture_shows_the_solids_where_the_masks_say(monkeypatch: pytest.MonkeyPatch):
    black = _texture.Texture.of(np.zeros((64, 64, 3), np.float32), 1.0)
    monkeypatch.setattr(_rendering, "_coat", lambda rng, family: (black, 0.0))
    monkeypatch.setattr(_rendering, "_wall", lambda rng, family, side: np.ones((side, side, 3), np.float32))
    monkeypatch.setattr(_rendering, "_painted", lambda solid, points, colour: colour)
    images = scenes(8, 64, seed=3)
    for item, known in zip(images.items, images.annotations):
        masks, semantic, depth, _ = all_of(known)
        covered = masks.arrays().any(axis=0)
        around = np.stack([np.roll(covered, shift, axis) for axis in (0, 1) for shift in (-1, 1)])
        within, beyond = (covered & around.all(axis=0))[1:-1, 1:-1], ~(covered | around.any(axis=0))[1:-1, 1:-1]
        level = item[1:-1, 1:-1].max(axis=2)
        assert level[within].max(initial=0) < 30 and (level[within] < 16).mean() > 0.99
        wall = beyond & (depth.metres[1:-1, 1:-1] == depth.metres.max())
        assert level[wall].min(initial=255) > 200


def test_the_front_that_the_yaw_looks_to_is_painted_white_with_a_black_edge(monkeypatch: pytest.MonkeyPatch):
    red = np.zeros((64, 64, 3), np.float32)
    red[..., 0] = 0.6
    monkeypatch.setattr(_rendering, "_coat", lambda rng, family: (_texture.Texture.of(red, 1.0), 0.0))
    images = scenes(40, 96, seed=6)
    found: dict[tuple[str, str], list[bool]] = {}
    for item, known in zip(images.items, images.annotations):
        masks, _, depth, space = all_of(known)
        points = depth.points().reshape(96, 96, 3)
        r, g = item[..., 0].astype(float), item[..., 1].astype(float)
        seen = {"red": r > 80 + 3 * g, "white": (g > 90) & (g > 0.6 * r), "black": r < 30}
        for place, mask in enumerate(masks.arrays()):
            yaw, length = float(space.yaw[place]), space.size[place, 2]
            front = np.array([np.cos(yaw), 0, -np.sin(yaw)])  # KITTI: 0 looks along x, pi / 2 towards the camera
            ahead = (points - space.bottom[place]) @ front / (length / 2)
            for colour, (low, high) in {"red": (-1.01, 0.4), "white": (0.55, 1.01), "black": (0.4, 0.55)}.items():
                where = mask & seen[colour]
                right = (ahead[where] > low - 0.15) & (ahead[where] < high + 0.15)  # a pixel is the mean of four rays
                found.setdefault((str(space.classes[place]), colour), []).extend(right.tolist())
    assert len(found) == 12 and min(map(len, found.values())) > 50
    assert all(np.mean(one) > 0.93 for one in found.values()), {name: np.mean(one) for name, one in found.items()}


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones():
    one, again, other = scenes(5, seed=0), scenes(9, seed=0), scenes(5, seed=1)
    assert all(a.dtype == np.uint8 and a.shape == (96, 96, 3) for a in one.items)
    assert [a.tobytes() for a in one.items] == [again.items[row].tobytes() for row in range(5)]
    assert not {a.tobytes() for a in one.items} & {a.tobytes() for a in other.items}
    for a, b in zip(one.annotations, again.annotations.take(np.arange(5))):
        assert a.boxes.xyxy.tobytes() == b.boxes.xyxy.tobytes() and a.depth.metres.tobytes() == b.depth.metres.tobytes()


def test_families_share_no_photograph():
    files = {name: {photo.tobytes() for photo in _texture.album(name)["solid"]} for name in ("a", "b")}
    assert len(files["a"]) >= 8 and len(files["b"]) >= 8 and not files["a"] & files["b"]
    for name, known in files.items():
        for use in ("wall", "ground"):
            assert {photo.tobytes() for photo in _texture.album(name)[use]} <= known
    a, b = scenes(2, 32, family="a"), scenes(2, 32, family="b")
    assert len(concatenate([a, b])) == 4
    assert set(concatenate([a, b]).columns["family"]) == {"a", "b"}


def test_a_family_of_which_no_photograph_is_installed_is_told_of(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(_texture.FAMILIES, "c", (("gone",), ("gone",), ()))
    with pytest.raises(InputError, match="of whose photographs none is installed"):
        _texture.album("c")


def test_scenes_are_made_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch):
    calls: list[int] = []
    true = module.rendered

    def counted(scene: module.Scene, family: str) -> np.ndarray:
        calls.append(1)
        return true(scene, family)

    monkeypatch.setattr(module, "rendered", counted)
    many = scenes(1000, 32)
    few = many.subset(np.array([7, 3]))
    assert len(few) == 2 and len(many.items[10:20]) == 10 and not calls
    assert np.array_equal(few.items[1], many.items[3]) and len(calls) == 2
    assert few.annotations[0].boxes.xyxy.tolist() == many.annotations[7].boxes.xyxy.tolist()


def test_some_classes_and_how_many():
    images = scenes(20, 32, seed=4, classes=("cone", "box"), most=2)
    assert {name for known in images.annotations for name in known.boxes.classes} == {"cone", "box"}
    assert max(len(known.boxes) for known in images.annotations) == 2
    assert images.annotations[0].semantic.classes == ("background", "cone", "box")
    for wrong, argument in (
        ({"n": 0}, "n"), ({"size": 8}, "size"), ({"seed": -1}, "seed"), ({"family": "c"}, "family"),
        ({"classes": ("cube",)}, "classes"), ({"classes": ()}, "classes"), ({"most": 0}, "most"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=f"^{argument}: "):
            scenes(**wrong)


def test_they_are_a_built_in_set():
    images = builtin("scenes")
    assert len(images) == 200 and images.items[0].shape == (96, 96, 3) and len(images.annotations[0].boxes) > 0
    assert builtin_item("scenes/nothing") is None
    assert np.array_equal(builtin_item(str(images.ids[5])), images.items[5])
    others = builtin("scenes_b")
    assert len(others) == 60 and np.array_equal(builtin_item(str(others.ids[5])), others.items[5])
