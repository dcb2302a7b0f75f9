"""Depth: heads and their loss, what is counted before, targets, changes, scores beside the constant of each row."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from helpers.deep import GivenDepth, random_depth
from helpers.dense import dense_run
from regard.backbones.contract import FeatureInfo
from regard.core.checks import InputError
from regard.data.annotations.depth import Depth
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.scenes import scenes
from regard.learning.batch import Batch
from regard.reuse.dense.alike import compared
from regard.reuse.dense.augment import flipped, zoomed
from regard.reuse.dense.depth import BINS, LAMBDA, STEEPEST, Convex, DepthHead, combined
from regard.reuse.dense.depth_statistics import DepthStatistics, row_constants
from regard.reuse.dense.examined import examine
from regard.reuse.dense.examined_depth import EDGES, DepthErrors
from regard.reuse.dense.feed import DenseFeed
from regard.reuse.dense.frame import Framed
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.objective import Dense
from regard.reuse.dense.rates import Tried, best_of
from regard.reuse.dense.scoring import higher, score
from regard.reuse.dense.semantic import Linear
from regard.reuse.dense.tiles import find_tiled, predict

INFO = [FeatureInfo(8, 4, "a"), FeatureInfo(12, 8, "b")]
NAN = float("nan")


def levels(n: int = 2, size: int = 24) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(n, one.channels, size // one.reduction, size // one.reduction, generator=generator) for one in INFO
    ]


def head_of(kind: str, limits: tuple[float, float] = (1.0, 9.0)) -> DepthHead:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return DepthHead(INFO, kind, limits, width=8)


@pytest.mark.parametrize("kind", ["bins", "log", "convex"])
def test_a_head_tells_a_depth_for_each_pixel_within_reach_of_what_it_learned(kind: str) -> None:
    head = head_of(kind)
    if kind == "log":
        assert torch.allclose(head.predict(levels(), 22)[0], torch.tensor(3.0))  # the middle of 1 to 9 m, at first
        head.layers.score.weight.data.normal_(generator=torch.Generator().manual_seed(3))
    (told,) = head.predict([100 * one for one in levels()], 22)
    assert told.shape == (2, 22, 22) and told.dtype == torch.float32
    assert 0.5 <= told.min() and told.max() <= 18 and told.std() > 0
    assert torch.equal(head.predict(levels(), 22)[0], head.predict(levels(), 22)[0]) and head.training


def test_bins_are_the_mean_of_their_depths_by_their_shares() -> None:
    head = head_of("bins").eval()
    assert isinstance(head.layers, Linear)
    for part in head.layers.score:  # sure of one bin or another, so that the mean is no middle of all
        part.weight.data *= 20
    cells = head.layers(levels()).double().detach().numpy()
    shares = np.exp(cells - cells.max(1, keepdims=True))
    depths = 9.0 ** (np.arange(BINS) / (BINS - 1))  # from 1 to 9 m, each by as much larger than the one before
    wanted = (shares / shares.sum(1, keepdims=True) * np.log(depths)[:, None, None]).sum(1)
    assert np.allclose(head.depths.numpy(), depths, rtol=1e-5) and wanted.std() > 0.1
    told = head.told(levels(), 24).detach()
    fine = interpolate(torch.from_numpy(wanted)[:, None], scale_factor=4, mode="bilinear")[:, 0, :24, :24]
    assert torch.allclose(told.double(), fine, atol=1e-4)


def test_convex_begins_as_interpolation_and_then_gives_each_pixel_its_own_part_of_nine_cells() -> None:
    head = head_of("convex").eval()
    assert isinstance(head.layers, Convex)
    with torch.no_grad():
        cells, shares = head.layers(levels())
        flat = interpolate(head._of_bins(cells), scale_factor=4, mode="bilinear")[:, 0]
        # what lies outside the nine cells' square gets the least share in place of none
        assert (head.told(levels(), 24) - flat).abs().max() < 0.02 * flat.std() + 1e-3
        assert torch.allclose(shares.sum(1), torch.ones(2, 16, *cells.shape[2:]))
    generator = torch.Generator().manual_seed(4)
    cells, shares = torch.randn(1, 1, 3, 2, generator=generator), torch.rand(1, 9, 4, 3, 2, generator=generator)
    told = combined(cells, shares, 2)
    assert told.shape == (1, 6, 4)
    for y in range(6):
        for x in range(4):
            wanted = 0.0
            for place in range(9):
                row, column = y // 2 + place // 3 - 1, x // 2 + place % 3 - 1
                cell = cells[0, 0, min(max(row, 0), 2), min(max(column, 0), 1)]
                wanted += float(cell * shares[0, place, 2 * (y % 2) + x % 2, y // 2, x // 2])
            assert told[0, y, x].item() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("kind", ["bins", "log", "convex"])
def test_the_loss_is_the_formula_over_known_pixels(kind: str) -> None:
    head, generator = head_of(kind).eval(), torch.Generator().manual_seed(2)
    if kind == "log":
        head.layers.score.weight.data.normal_(generator=generator)
    targets = torch.rand(2, 24, 24, generator=generator) * 5 + 1
    targets[0, :5], targets[1, :, 3] = NAN, NAN
    known = ~targets.isnan()
    g = (head.told(levels(), 24) - targets.log())[known].double()
    told = targets[known] * g.clamp(max=STEEPEST).exp()
    relative = ((told - targets[known]).abs() / targets[known]).mean()
    wanted = ((g**2).mean() - LAMBDA * g.mean() ** 2).sqrt() + g.abs().mean() + relative
    total, parts = head.loss(levels(), targets)
    assert total.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert sum(one.item() for one in parts.values()) == pytest.approx(total.item())
    total.backward()
    assert all(one.grad is None or torch.isfinite(one.grad).all() for one in head.parameters())
    nothing, _ = head.loss(levels(), torch.full((2, 24, 24), NAN))
    nothing.backward()
    assert nothing.item() < 1e-3 and all(
        one.grad is None or torch.isfinite(one.grad).all() for one in head.parameters()
    )
    for wrong in (targets[:1], targets[:, :5], targets.nan_to_num(0.0), targets * torch.inf):
        with pytest.raises(InputError, match="depth"):
            head.loss(levels(), wrong)
    with pytest.raises(InputError, match="limits"):
        DepthHead(INFO, kind, (2.0, 2.0))


def test_the_constant_of_a_row_is_the_best_one_and_limits_leave_out_what_a_sensor_makes_up() -> None:
    generator = np.random.default_rng(0)
    depth = np.exp(generator.normal(1, 0.4, (3, 8, 40))).astype(np.float32)
    depth[0, :, :30], depth[:, 5] = np.nan, np.nan
    counting = DepthStatistics(8)
    for one in depth:
        counting.add(Batch(torch.zeros(1, 3, 8, 8), depth=torch.from_numpy(one)[None]))
    found = counting.told()
    near, far = found["limits"]
    assert near == pytest.approx(np.nanmin(depth), rel=0.05) and far == pytest.approx(np.nanmax(depth), rel=0.05)
    rows = np.array(found["rows"])
    assert rows[5] in (rows[4], rows[6])

    def error(constants: np.ndarray) -> float:
        apart = np.abs(constants[:, None] - depth) / depth
        return float(np.mean([np.nanmean(one) for one in apart]))

    best = error(rows)
    for row in range(8):
        for by in (0.97, 1.03):
            moved = rows.copy()
            moved[row] *= by
            assert error(moved) >= best - 1e-5
    constants = row_constants(found, 8)
    assert constants is not None and (constants[:, 0] == rows).all() and (constants.std(axis=1) < 1e-9).all()
    assert row_constants(found, 9) is None and DepthStatistics(4).told() == {}


def test_a_feed_gives_depth_in_the_square_and_changes_move_it() -> None:
    images = scenes(3, size=40)
    feed = DenseFeed(images, 40, (), what=("depth",))
    batch = feed(np.arange(3)).replace(images=torch.rand(3, 3, 40, 40))
    assert images.annotations is not None and images.annotations[1].depth is not None
    np.testing.assert_array_equal(batch["depth"][1].numpy(), images.annotations[1].depth.metres)
    mirrored = flipped(batch, torch.tensor([True, False, True]))["depth"]
    assert torch.equal(mirrored[0], batch["depth"][0].flip(1)) and torch.equal(mirrored[1], batch["depth"][1])
    nought = torch.zeros(3, 2, dtype=torch.long)
    moved = zoomed(batch, torch.tensor([2.0, 1.0, 0.5]), nought, nought, (0.5, 0.5, 0.5))["depth"]
    # twice as large is half as far, and what lies beyond a picture is not known
    assert torch.equal(moved[0, ::2, ::2], batch["depth"][0, :20, :20] / 2) and torch.equal(moved[1], batch["depth"][1])
    assert torch.equal(moved[2, :20, :20], batch["depth"][2, 1::2, 1::2] * 2) and moved[2, 20:].isnan().all()
    holes = Annotations((40, 40), depth=Depth(np.full((40, 40), np.nan, np.float32)))
    rows = Rows.of(Listed([holes, Annotations((40, 40)), images.annotations[2]], ()))
    feed = DenseFeed(replace(images, annotations=rows), 48, (), what=("depth",))
    assert sorted(feed.failed.values()) == ["nothing is said of its depth", "the depth of none of its pixels is known"]


def test_scores_stand_beside_the_best_constant_of_each_row() -> None:
    truth, told, rows = random_depth(20)
    base = np.repeat(np.array(rows)[:, None], 12, axis=1)
    truth[3] = np.nan
    model = GivenDepth(truth, told, rows)
    scores, errors = examine(model, model.images, kept=4)
    metrics, kept = scores.metrics, np.delete(np.arange(20), 3)
    own = np.abs(told - truth)[kept] / truth[kept]
    assert metrics["abs_rel"] == pytest.approx(own.mean(), rel=1e-5)
    constant = (np.abs(base - truth)[kept] / truth[kept]).mean()
    assert metrics["row_constant_abs_rel"] == pytest.approx(constant, rel=1e-5)
    assert metrics["row_constant_gain"] == pytest.approx(constant - own.mean(), rel=1e-4)
    assert 0 < metrics["row_constant_gain_low"] < metrics["row_constant_gain"] < metrics["row_constant_gain_high"]
    assert metrics["abs_rel_low"] < metrics["abs_rel"] < metrics["abs_rel_high"]
    assert scores.rows == tuple(kept.tolist()) and list(scores.failed) == ["3"]
    np.testing.assert_allclose(scores.by_image["abs_rel"], own.mean(axis=(1, 2)), rtol=1e-5)
    worse = score(GivenDepth(truth, 3 * truth, rows), model.images).metrics
    assert worse["row_constant_gain_high"] < 0 and worse["abs_rel_median"] == pytest.approx(0, abs=1e-6)
    assert isinstance(errors, DepthErrors) and errors.pixels.sum() == len(kept) * 144
    places = np.searchsorted(EDGES, truth[kept].ravel(), side="right") - 1
    for at in np.flatnonzero(errors.pixels):
        assert errors.error[at] == pytest.approx(own.ravel()[places == at].mean(), rel=1e-5)
    by_picture = own.mean(axis=(1, 2))
    assert [one.row for one in errors.worst] == kept[np.argsort(-by_picture)][:4].tolist()
    near = score(model, model.images, cap=3.0)
    assert near.metrics["abs_rel"] != metrics["abs_rel"] and near.metrics["rmse"] < metrics["rmse"]
    boxes = GivenDepth(truth, told)
    boxes.objective.what, boxes.objective.names = "boxes", ("a",)
    with pytest.raises(InputError, match="--cap"):
        score(boxes, model.images, cap=1.0)


def test_less_is_better() -> None:
    assert not higher("depth") and higher("semantic")
    tried = [Tried(1.0, 0.30, 2.0), Tried(2.0, 0.10, 1.0), Tried(3.0, 0.105, 0.5)]
    assert best_of(tried, higher=False).rate == 3.0 and best_of(tried[:2], higher=False).rate == 2.0
    near = compared((torch.ones(1, 4, 4),), (torch.full((1, 4, 4), 1.009),))
    assert near.pixels == 1.0 and compared((torch.ones(1, 4, 4),), (torch.full((1, 4, 4), 1.02),)).pixels == 0.0


def test_a_run_is_read_again_and_windows_are_refused(tmp_path) -> None:
    rows = tuple(np.linspace(8, 2, 64).tolist())
    folder = dense_run(tmp_path / "run", "depth", "bins", statistics={"limits": (1.0, 9.0), "rows": rows})
    model = DenseModel.load(folder)
    assert model.objective.names == () and model.objective.statistics == {"limits": (1.0, 9.0), "rows": rows}
    images = scenes(2, size=48)
    first, second = model.predict(images)
    assert first.depth is not None and first.depth.shape == (48, 48) and len(second.boxes) == 0
    (again, _) = predict(model, images)
    assert torch.equal(again.depth, first.depth)  # type: ignore[arg-type]
    pixels = torch.zeros(3, 80, 80, dtype=torch.uint8)
    for call in (lambda: predict(model, images, tiles=32), lambda: find_tiled(model, pixels, 64)):
        with pytest.raises(InputError, match="--tiles.*nearer|--tiles.*near"):
            call()
    assert Framed(48, 48, 64).map_out(first.depth.new_zeros(64, 64)).shape == (48, 48)


def test_in_training_no_picture_of_depth_is_zoomed() -> None:
    task = Dense("depth", "bins", 32, augment=True)
    depth = torch.rand(6, 32, 32) + 1
    batch = Batch(torch.rand(6, 3, 32, 32), depth=depth)
    inputs, targets = task.prepare(batch, torch.Generator().manual_seed(3))
    assert isinstance(targets, torch.Tensor) and not torch.equal(inputs, batch.images)
    kept = [torch.equal(one, other) for one, other in zip(targets, depth)]
    mirrored = [torch.equal(one, other.flip(-1)) for one, other in zip(targets, depth)]
    assert all(a != b for a, b in zip(kept, mirrored)) and any(kept) and any(mirrored)
