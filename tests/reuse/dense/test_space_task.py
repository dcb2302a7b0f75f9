"""Boxes in space as a dense task: targets, cameras, what a run writes and tells, and its page."""

import json

import numpy as np
import pytest
import torch

import regard
from regard.core.checks import InputError
from regard.core.runtime import numpy_rng
from regard.data.annotations.boxes3d import DONT_CARE, Boxes3D
from regard.data.annotations.kitti import read_kitti, write_kitti
from regard.data.annotations.record import Annotations
from regard.data.scenes import KINDS, scenes
from regard.learning.batch import Batch
from regard.reuse.dense.answer import Answer
from regard.reuse.dense.augment import flipped, zoomed
from regard.reuse.dense.camera import Camera
from regard.reuse.dense.centers import SpaceObjects
from regard.reuse.dense.feed import DenseFeed
from regard.reuse.dense.frame import Framed
from regard.reuse.dense.in_space import boxes_around, encode
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.space_drawn import from_above, lines_seen, rows_of
from regard.reuse.dense.space_statistics import SpaceStatistics, usual_of
from regard.reuse.dense.tally_space import SpaceTally
from regard.reuse.dense.target_space import difficult, space_part

SHIFTED = np.array([[90.0, 0, 47.5, 20.0], [0, 95, 40, -9], [0, 0, 1, 0.02]])  # as KITTI's P2


class Telling:
    what, names = "boxes3d", KINDS


def labels(camera: np.ndarray = SHIFTED, **change) -> Boxes3D:
    """A box, one largely hidden, a region, and a class that nobody knows."""
    given = {
        "classes": ["box", "cone", DONT_CARE, "lorry"],
        "xyxy": [[10, 10, 30, 30], [40, 10, 50, 30], [60, 60, 90, 90], [0, 0, 9, 9]],
        "size": [[1, 2, 3], [1, 1, 1], [-1, -1, -1], [2, 2, 2]],
        "bottom": [[-1, 1, 6], [0.5, 1, 5], [-1000, -1000, -1000], [0, 0, 9]],
        "yaw": [0.5, 1, -10, 2],
        "alpha": [0.6, 0.9, -10, 2],
        "truncated": [0, 0, -1, 0],
        "occluded": [0, 2, -1, 0],
    }
    return Boxes3D(**{name: np.array(value) for name, value in (given | change).items()}, camera=camera)


def answer_of(boxes: Boxes3D, **change) -> Answer:
    """The labels, as a model that is right would tell them."""
    known = boxes.take(np.isin(boxes.classes, KINDS))
    classes = torch.tensor([KINDS.index(name) for name in known.classes])
    space = torch.from_numpy(rows_of(known)).float()
    scores = torch.linspace(0.9, 0.8, len(known))
    given = {"space": space, "camera": Camera(boxes.camera)} | change
    return Answer(0, (96, 96), torch.from_numpy(known.xyxy), scores, classes, **given)


def test_targets_are_where_the_camera_sees_them():
    boxes, framed = labels(), Framed(96, 96, 48)
    tensors, faults = space_part(Annotations((96, 96), boxes3d=boxes), framed, KINDS, "a")
    assert tensors["classes"].tolist() == [0, 3, 0] and tensors["ignore"].tolist() == [False, True, True]
    assert [fault.cause for fault in faults] == ["of the unknown class 'lorry'"]
    seen, _ = encode(tensors["space"][:2], tensors["camera"], torch.ones(2, 3), 0.0)
    middle = np.array([[-1, 0.5, 6, 1], [0.5, 0.5, 5, 1]]) @ SHIFTED.T
    assert np.allclose(seen, (middle[:, :2] / middle[:, 2:] + 0.5) / 2, atol=1e-4)
    behind = labels(bottom=[[-1, 1, -6], [0.5, 1, 5], [0, 0, 0], [0, 0, 9]])
    assert len(space_part(Annotations((96, 96), boxes3d=behind), framed, KINDS, "a").tensors["classes"]) == 2
    with pytest.raises(InputError, match="no camera is known of it"):
        space_part(Annotations((96, 96), boxes3d=labels(None)), framed, KINDS, "a")
    with pytest.raises(InputError, match="nothing is said"):
        space_part(Annotations((96, 96)), framed, KINDS, "a")


def test_batches_change_pictures_and_cameras_together():
    feed = DenseFeed(scenes(4, 64, seed=4), 64, KINDS, what=("boxes3d",))
    batch = feed(np.arange(4))
    batch = batch.replace(images=batch.images.float() / 255)
    there = batch["classes"] >= 0
    zoom, cut, put = torch.tensor([1.3, 1, 0.8, 1.1]), torch.tensor([[4, 2]] * 4), torch.tensor([[0, 0]] * 4)
    whole = torch.full((4, 2), 64.0)
    ends = torch.minimum(zoom[:, None] * (64 - cut), whole)  # where the picture ends in the square
    for made, end in (
        (flipped(batch, torch.tensor([True, False, True, True])), whole),
        (zoomed(batch, zoom, cut, put, (0.5, 0.5, 0.5)), ends),
    ):
        assert isinstance(made, Batch) and set(SpaceObjects._fields) <= set(made)
        left = there & (made["classes"] >= 0)
        for row in range(4):
            around = torch.minimum(boxes_around(made["space"][row], made["camera"][row], 64), end[row].repeat(2))
            apart = (around - made["boxes"][row]).abs().amax(1)[left[row]]
            assert (apart < 1e-3).all()


def test_what_is_usual_is_counted_in_the_training_pictures():
    feed = DenseFeed(scenes(6, 64, seed=4), 64, (*KINDS, "never"), what=("boxes3d",))
    counted = SpaceStatistics(64)
    for batch in feed.in_order(2):
        counted.add(batch)
    usual = usual_of(counted.told(), 5)
    known = [one.boxes3d for one in scenes(6, 64, seed=4).annotations]
    cones = np.concatenate([one.size[(one.classes == "cone") & ~difficult(one)] for one in known])
    assert np.allclose(usual.sizes[3], np.exp(np.log(cones).mean(axis=0)), rtol=1e-4)
    every = np.concatenate([one.size[~difficult(one)] for one in known])
    assert np.allclose(usual.sizes[4], np.exp(np.log(every).mean(axis=0)), rtol=1e-4)
    assert usual_of({}, 2).sizes == ((1, 1, 1), (1, 1, 1))


def test_labels_against_themselves_are_perfect_and_regions_are_left_out():
    boxes = labels()
    tally = SpaceTally(Telling(), None)
    assert tally.add(Annotations((96, 96), boxes3d=boxes), answer_of(boxes)) == ""
    found, by_class = tally.told()
    assert found["ap"] == found["nuscenes_ap"] == 1 and found["yaw_error"] == pytest.approx(0, abs=1e-6)
    assert by_class["sphere"]["ap"] is None and by_class["cone"]["ap"] is None  # none, and one that is hidden
    extra = answer_of(boxes.take([0, 0]))
    moved = extra.space.clone()
    moved[0, 0] = 40.0
    region = torch.tensor([[60.0, 60, 80, 80], [10, 10, 30, 30]])
    for box, ap in ((region, 1.0), (region + 9, 1.0), (region - 30, 0.5)):
        other = SpaceTally(Telling(), None)
        one = Answer(0, (96, 96), box, extra.scores, extra.classes, space=moved, camera=extra.camera)
        other.add(Annotations((96, 96), boxes3d=boxes), one)
        assert other.told()[0]["ap"] == ap
    assert "nothing is said" in tally.add(Annotations((96, 96)), answer_of(boxes))


def test_cameras():
    assert Camera.given([700, 710, 320, 240]).matrix.tolist() == [[700, 0, 320, 0], [0, 710, 240, 0], [0, 0, 1, 0]]
    own = Camera(SHIFTED)
    point = np.array([1.0, 2, 7])
    flat = SHIFTED[:, :3] @ (point + own.beside)
    assert np.allclose(flat, SHIFTED @ [*point, 1])
    assert own.in_square(Framed(96, 192, 96)).tolist() == pytest.approx([45, 47.5, 24, 20.25])
    for wrong in ([1, 2, 3], [0, 1, 1, 1], [np.nan] * 4):
        with pytest.raises(InputError, match="^--camera: "):
            Camera.given(wrong)
    skewed = SHIFTED.copy()
    skewed[0, 1] = 3
    with pytest.raises(InputError, match="^camera: "):
        Camera(skewed)


def test_lines_end_before_the_camera_and_the_view_from_above_has_the_front():
    whole = np.array([[0.0, 0, 10, 2, 2, 4, np.pi / 2], [0, 0, 0.5, 2, 2, 4, 0], [0, 0, -9, 2, 2, 4, 0]])
    camera = Camera.given([100, 100, 50, 50])
    lines = lines_seen(whole, camera)
    assert np.isfinite(lines[:2, 0]).all() and np.isnan(lines[2]).all()
    assert np.abs(lines[1][np.isfinite(lines[1])]).max() <= 100 * 2.1 / 0.05 + 51
    near = 100 / 8 + 50.5  # pi / 2 looks towards the camera: the front side is 8 m away
    assert lines[0, 0, :, 0].max() == pytest.approx(near)
    empty = np.asarray(from_above(whole[:0], whole[:0], []))
    drawn = np.asarray(from_above(whole[:1], whole[:1], [(255, 0, 0)], 300, [True]))
    assert (drawn == [255, 0, 0]).all(axis=2).sum() > 30 and not (empty == [255, 0, 0]).all(axis=2).any()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("space")
    data = folder / "kitti"
    write_kitti(scenes(12, 64), data)
    made = regard.boxes3d.train(
        data, val=scenes(4, 64, seed=5, family="b"), out=folder / "run", with_="random:test_resnet", size=64,
        steps=3, batch=4, lr=1e-3,
    )  # fmt: skip
    return folder, made


def test_a_run_is_trained_on_kittis_folder_and_scored_with_a_page(run):
    folder, made = run
    assert 0 <= made.metrics["ap_4m"] <= 1 and set(made.by_class) == set(KINDS)
    assert "AP at 1 m" in (folder / "run" / "report.html").read_text()
    found = regard.boxes3d.evaluate(folder / "run", scenes(4, 64, seed=6, family="b"), page=folder / "e.html")
    assert found.metrics["images"] == 4
    page = (folder / "e.html").read_text()
    assert "from above" in page and "Errors by distance" in page
    again = DenseModel.load(folder / "run")
    assert [usual_of(again.objective.statistics, 4).sizes[0]] == [
        pytest.approx(tuple(again.head.inner.sizes[0].tolist()), rel=1e-5)
    ]


def test_answers_in_each_form(run):
    folder, _ = run
    images = scenes(2, 64, seed=6, family="b")
    with pytest.raises(InputError, match="no place for boxes3d"):
        regard.boxes3d.predict(folder / "run", images, out=folder / "v", format_="voc")
    found = regard.boxes3d.predict(folder / "run", images, threshold=0.02, page=folder / "p.html")
    rows = json.loads(json.dumps(found.predictions))
    first = rows[0]["objects"][0]
    assert set(first["box3d"]) == {"center", "size", "yaw"} and (folder / "p.html").is_file()
    regard.boxes3d.predict(folder / "run", images, threshold=0.02, out=folder / "k", format_="kitti", pictures=True)
    again = read_kitti(folder / "k")
    for row, known, own in zip(rows, again.annotations, images.annotations):
        boxes = known.boxes3d
        assert len(boxes) == len(row["objects"]) and np.allclose(boxes.camera, own.seen_by)
        inside = [one["box3d"] for one in row["objects"]]
        told = np.array([[*one["center"], *one["size"], one["yaw"]] for one in inside])
        assert np.allclose(rows_of(boxes), told, atol=0.011)
    regard.boxes3d.predict(folder / "run", images, threshold=0.02, out=folder / "o", format_="overlay")
    assert len([one for one in (folder / "o").rglob("*") if one.is_file()]) == 2


def test_a_picture_without_a_camera_is_named_and_one_can_be_given(run):
    folder, _ = run
    picture = numpy_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    with pytest.raises(InputError, match="no camera is known of it"):
        regard.boxes3d.predict(folder / "run", [picture])
    found = regard.boxes3d.predict(folder / "run", [picture], camera="60,60,30,20", threshold=0.0)
    assert found.metrics["images"] == 1 and "objects" in found.predictions[0]
    for wrong in ("60,60", "a,b,c,d", "0,1,1,1"):
        with pytest.raises(InputError, match="^--camera: "):
            regard.boxes3d.predict(folder / "run", [picture], camera=wrong)
    with pytest.raises(InputError, match="^--tiles: "):
        regard.boxes3d.predict(folder / "run", [picture], camera=[60, 60, 30, 20], tiles=32)
