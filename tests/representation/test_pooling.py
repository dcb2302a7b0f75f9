"""Poolings against loops written out, the papers' rules, and scikit-learn's mixture."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.mixture import GaussianMixture

from regard.core.checks import InputError
from regard.representation.pooling import fisher, gem, mac, multi_scale, rmac, spoc, vlad
from regard.representation.pooling._common import fit_projection, sample
from regard.representation.pooling.grid import grid


def maps(n=2, channels=3, height=4, width=5, seed=0, low=0.0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, 2, (n, channels, height, width))).float()


def length_one(v):
    return v / np.linalg.norm(v)


class TestGem:
    @pytest.mark.parametrize("p", [1.0, 3.0, 7.5])
    def test_equal_to_a_loop(self, p):
        x = maps(low=-1.0)
        found = gem.gem(x, p, eps=1e-3)
        for image in range(2):
            for channel in range(3):
                values = [max(float(v), 1e-3) ** p for v in x[image, channel].flatten()]
                assert found[image, channel] == pytest.approx((sum(values) / 20) ** (1 / p), rel=1e-5)

    def test_between_average_and_maximum(self):
        x = maps()
        assert torch.allclose(gem.Method(1.0)(x), x.mean((2, 3)))
        assert torch.allclose(gem.Method(300.0)(x), x.amax((2, 3)), rtol=0.02)

    def test_large_numbers_in_half_precision_stay_finite(self):
        assert torch.allclose(gem.gem(torch.full((1, 1, 2, 2), 6e4).half()), torch.tensor([[6e4]]), rtol=1e-3)

    def test_is_positive_even_where_the_map_is_not(self):
        assert (gem.gem(-maps()) > 0).all()


def test_mac_takes_the_maximum():
    x = maps(low=-1.0)
    assert mac.Method()(x)[1, 2] == max(float(v) for v in x[1, 2].flatten())


class TestSpoc:
    def test_sum(self):
        x = maps()
        assert spoc.Method()(x)[0, 1] == pytest.approx(sum(float(v) for v in x[0, 1].flatten()))

    def test_centre_prior_equal_to_a_loop(self):
        x = maps()
        sigma = min(4, 5) / 2 / 3
        total = 0.0
        for row in range(4):
            for column in range(5):
                r2 = (row + 0.5 - 4 / 2) ** 2 + (column + 0.5 - 5 / 2) ** 2
                total += float(x[1, 0, row, column]) * math.exp(-r2 / (2 * sigma**2))
        assert spoc.Method(centre_prior=True)(x)[1, 0] == pytest.approx(total, rel=1e-6)


class TestRegionGrid:
    def test_the_14_regions_of_a_square_map(self):
        """1 + 4 + 9 regions of 1, 2/3 and 1/2 of the side, evenly spaced from edge to edge."""
        grid = rmac.region_grid(12, 12, 3)
        assert grid[0] == (0, 0, 12)
        assert grid[1:5] == [(top, left, 8) for top in (0, 4) for left in (0, 4)]
        assert grid[5:] == [(top, left, 6) for top in (0, 3, 6) for left in (0, 3, 6)]

    @pytest.mark.parametrize("size", [(12, 16), (30, 40), (40, 30), (10, 11), (20, 33), (10, 61), (7, 100)])
    def test_the_rule_of_the_paper(self, size):
        short, long = min(size), max(size)
        # of all numbers of squares, the one with an overlap nearest to 40 %
        overlap = {m: 1 - (long - short) / ((m - 1) * short) for m in range(2, 60)}
        m = min(overlap, key=lambda count: abs(overlap[count] - 0.4))
        grid = rmac.region_grid(*size, levels=3)
        expected = []
        for level in (1, 2, 3):
            side = int(2 * short / (level + 1))
            counts = [level if length == short else level + m - 1 for length in size]
            places = [
                [math.floor(place * (length - side) / max(count - 1, 1)) for place in range(count)]
                for length, count in zip(size, counts)
            ]
            expected += [(top, left, side) for top in places[0] for left in places[1]]
        assert grid == expected
        assert len(grid) == sum(level * (level + m - 1) for level in (1, 2, 3))

    @pytest.mark.parametrize("size", [(1, 1), (1, 4), (2, 2), (2, 3), (7, 7), (3, 50)])
    def test_inside_the_map_to_its_edges_and_never_twice(self, size):
        grid = rmac.region_grid(*size, levels=5)
        assert len(set(grid)) == len(grid)
        assert all(0 <= top and top + side <= size[0] and left + side <= size[1] for top, left, side in grid)
        assert max(top + side for top, _, side in grid) == size[0]
        assert max(left + side for _, left, side in grid) == size[1]


class TestRmac:
    def test_equal_to_a_loop(self):
        x = maps(height=6, width=9)
        for image, found in zip(x.double().numpy(), rmac.Method(2)(x)):
            total = np.zeros(3)
            for top, left, side in rmac.region_grid(6, 9, 2):
                total += length_one(image[:, top : top + side, left : left + side].max(axis=(1, 2)))
            assert np.allclose(found, length_one(total), atol=1e-6)

    def test_whitens_each_region(self):
        x, turn = maps(), np.array([[2.0, 0, 0], [1, -1, 0]])
        found = rmac.rmac(x, 2, whiten=lambda regions: regions @ turn.T)
        regions = rmac.region_vectors(x, 2)[0].double().numpy() @ turn.T
        total = sum(length_one(region) for region in regions)
        assert np.allclose(found[0], length_one(total), atol=1e-6)
        assert found.shape == (2, 2) and found.dtype == x.dtype

    def test_a_function_that_gives_other_rows_is_refused(self):
        with pytest.raises(InputError, match="whiten: expected one row for each region"):
            rmac.rmac(maps(), whiten=lambda regions: regions[:1])


class TestVlad:
    @pytest.mark.parametrize("intra", [True, False])
    @pytest.mark.parametrize("power", [1.0, 0.5])
    def test_equal_to_a_loop(self, monkeypatch, intra, power):
        monkeypatch.setattr("regard.representation.pooling._common._NUMBERS", 90)  # an image at a time
        x = maps(n=3, height=3, width=5)
        centres = np.random.default_rng(1).uniform(0, 2, (4, 3))
        centres[3] = 50  # nothing is near: its part stays zero
        found = vlad.vlad(x, torch.from_numpy(centres), intra, power)
        for image, vector in zip(x.double().numpy(), found):
            parts = np.zeros((4, 3))
            for descriptor in image.reshape(3, -1).T:
                nearest = min(range(4), key=lambda k: np.linalg.norm(descriptor - centres[k]))
                parts[nearest] += descriptor - centres[nearest]
            parts = np.sign(parts) * np.abs(parts) ** power
            if intra:
                parts[:3] = [length_one(part) for part in parts[:3]]
            assert np.allclose(vector, length_one(parts.ravel()), atol=1e-5)

    def test_a_fit_finds_the_words(self):
        X, _, centres = make_blobs(400, 6, centers=4, cluster_std=0.05, random_state=0, return_centers=True)
        method = vlad.fit(torch.from_numpy(X), k=4, seed=0, dim=None)
        nearest = np.linalg.norm(method.centres.numpy()[:, None] - centres, axis=2).argmin(axis=1)
        assert sorted(nearest) == [0, 1, 2, 3]
        assert np.allclose(method.centres, centres[nearest], atol=0.05)

    def test_a_seed_gives_the_same_words(self):
        x = maps(n=8)
        first, again = vlad.fit(x, 5, seed=3), vlad.fit(x, 5, seed=3)
        assert torch.equal(first.centres, again.centres)
        assert torch.equal(first(x), again(x)) and first(x).shape == (8, 15)

    def test_fewer_dimensions(self):
        x = maps(n=8, channels=6)
        method = vlad.fit(x, 5, dim=2)
        low = (x.flatten(2).transpose(1, 2) - method.mean) @ method.axes
        assert torch.allclose(method(x), vlad.vlad(low, method.centres), atol=1e-5)
        assert method(x).shape == (8, 10)

    def test_too_few_descriptors(self):
        with pytest.raises(InputError, match="fewer than 3 different descriptors"):
            vlad.fit(torch.ones(1, 2, 3, 3), k=3)
        with pytest.raises(InputError, match="at least k = 10, got 9 descriptors"):
            vlad.fit(maps(1, 2, 3, 3), k=10)

    def test_other_channels(self):
        with pytest.raises(InputError, match=r"centres: expected \(K, 3\)"):
            vlad.vlad(maps(), torch.zeros(4, 2))
        with pytest.raises(InputError, match="maps: expected 6, as at the fit, got 3 channels"):
            vlad.fit(maps(channels=6), 2, dim=2)(maps())


def mixture(k=3, d=4, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1, k)
    return weights / weights.sum(), rng.uniform(0, 2, (k, d)), rng.uniform(0.1, 0.5, (k, d))


def of_sklearn(weights, means, variances):
    found = GaussianMixture(len(weights), covariance_type="diag")
    found.weights_, found.means_, found.covariances_ = weights, means, variances
    found.precisions_cholesky_ = 1 / np.sqrt(variances)
    return found


class TestFisher:
    def test_posteriors_are_those_of_scikit_learn(self):
        X = np.random.default_rng(2).uniform(-30, 30, (50, 4))
        weights, means, variances = mixture()
        found = fisher.posteriors(torch.from_numpy(X)[None], *map(torch.from_numpy, (weights, means, variances)))
        assert np.allclose(found[0], of_sklearn(weights, means, variances).predict_proba(X), atol=1e-10)

    @pytest.mark.parametrize("power", [1.0, 0.5])
    def test_equal_to_a_loop_in_double_precision(self, monkeypatch, power):
        monkeypatch.setattr("regard.representation.pooling.fisher._PIECE", 12)
        x = maps(n=3, channels=4).double()
        weights, means, variances = mixture()
        found = fisher.fisher(x, *map(torch.from_numpy, (weights, means, variances)), power=power)
        for image, vector in zip(x.numpy(), found):
            local = image.reshape(4, -1).T
            by_mean, by_variance = np.zeros((3, 4)), np.zeros((3, 4))
            for descriptor in local:
                density = weights * np.exp(-((descriptor - means) ** 2) / variances / 2).prod(axis=1)
                density /= np.sqrt(2 * np.pi * variances).prod(axis=1)
                q = density / density.sum()
                for k in range(3):
                    apart = (descriptor - means[k]) / np.sqrt(variances[k])
                    by_mean[k] += q[k] * apart / np.sqrt(weights[k]) / len(local)
                    by_variance[k] += q[k] * (apart**2 - 1) / np.sqrt(2 * weights[k]) / len(local)
            expected = np.concatenate([by_mean.ravel(), by_variance.ravel()])
            expected = np.sign(expected) * np.abs(expected) ** power
            assert np.allclose(vector, length_one(expected), atol=1e-10)

    def test_is_the_gradient_of_the_log_likelihood(self):
        x = maps(n=1, channels=4).double()
        weights, means, variances = (torch.from_numpy(value) for value in mixture())
        local = x.flatten(2).transpose(1, 2)[0]
        spread = variances.sqrt().requires_grad_()
        centres = means.clone().requires_grad_()
        parts = torch.distributions.Independent(torch.distributions.Normal(centres, spread), 1)
        chosen = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(weights), parts)
        chosen.log_prob(local).mean().backward()
        root = weights.sqrt()[:, None]
        expected = torch.cat([centres.grad * spread / root, spread.grad * spread / root / 2**0.5]).flatten().detach()
        found = fisher.fisher(x, weights, means, variances, power=1.0)[0]
        assert torch.allclose(found, expected / expected.norm(), atol=1e-10)

    def test_a_fit_finds_the_mixture(self):
        rng = np.random.default_rng(0)
        which = rng.choice(2, 4000, p=[0.3, 0.7])
        X = np.where(which[:, None] == 0, rng.normal([0, 100, 5], [1, 20, 0.1], (4000, 3)), 0) + np.where(
            which[:, None] == 1, rng.normal([8, -100, 6], [2, 10, 0.2], (4000, 3)), 0
        )
        method = fisher.fit(torch.from_numpy(X), k=2, dim=None)
        order = method.means[:, 0].argsort()
        assert np.allclose(method.weights[order], [0.3, 0.7], atol=0.03)
        assert np.allclose(method.means[order], [[0, 100, 5], [8, -100, 6]], rtol=0.05, atol=0.1)
        assert np.allclose(method.variances[order].sqrt(), [[1, 20, 0.1], [2, 10, 0.2]], rtol=0.1)

    def test_no_variance_below_the_floor(self):
        X = np.random.default_rng(0).normal(size=(300, 2))
        X[:100] = [9, 9]  # a Gaussian of no width
        method = fisher.fit(torch.from_numpy(X), k=2, dim=None, floor=0.01)
        assert np.allclose(method.variances.min(dim=0).values, 0.01 * X.var(axis=0))

    def test_a_constant_channel_does_no_harm(self):
        x = maps(n=6)
        x[:, 1] = 0.7
        vectors = fisher.fit(x, k=2)(x)
        assert torch.isfinite(vectors).all() and torch.allclose(vectors.norm(dim=1), torch.ones(6))

    def test_saved_fields_give_the_same_vectors(self):
        x = maps(n=8, channels=6)
        method = fisher.fit(x, 3, dim=2, seed=5)
        fields = {name: getattr(method, name) for name in ("weights", "means", "variances", "mean", "axes")}
        assert torch.equal(fisher.Method(**fields)(x), method(x)) and method(x).shape == (8, 12)
        assert torch.equal(fisher.fit(x, 3, dim=2, seed=5)(x), method(x))

    def test_other_channels(self):
        with pytest.raises(InputError, match=r"means and variances: expected \(K, 3\)"):
            fisher.fisher(maps(), *map(torch.from_numpy, mixture()))


class TestMultiScale:
    def test_equal_to_the_mean_of_powers_at_each_size(self):
        x = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
        sizes = []

        def maps_of(images):
            sizes.append(tuple(images.shape[2:]))
            return images

        found = multi_scale(maps_of, x, scales=(1, 0.5), power=3.0)
        small = torch.nn.functional.interpolate(x, (8, 12), mode="bilinear", antialias=True)
        total = sum((v / v.norm(dim=1, keepdim=True)) ** 3 for v in (gem.gem(x), gem.gem(small)))
        expected = (total / 2) ** (1 / 3)
        assert torch.allclose(found, expected / expected.norm(dim=1, keepdim=True), atol=1e-6)
        assert sizes == [(16, 24), (8, 12)]

    def test_one_size_is_the_pooling_itself(self):
        x = maps()
        assert torch.allclose(multi_scale(lambda one: one, x, (1,), rmac.Method(), power=1), rmac.rmac(x), atol=1e-6)

    def test_negative_numbers_need_the_plain_mean(self):
        with pytest.raises(InputError, match="power: 3 is for vectors without negative numbers"):
            multi_scale(lambda one: -one, maps(), (1,), mac.mac)
        assert multi_scale(lambda one: -one, maps(), (1, 0.5), mac.mac, power=1).shape == (2, 3)

    def test_no_scales(self):
        with pytest.raises(InputError, match="scales: expected at least one factor, got none"):
            multi_scale(lambda one: one, maps(), ())


def test_vectors_of_length_one_where_the_page_says_so():
    learned = vlad.Method(torch.rand(4, 3)), fisher.Method(*map(torch.from_numpy, mixture(d=3)))
    for method in (rmac.Method(), *learned):
        assert torch.allclose(method(maps()).norm(dim=1), torch.ones(2))


@pytest.mark.parametrize(
    "call",
    [
        lambda: gem.gem(maps(), p=0),
        lambda: gem.gem(maps(), eps=0),
        lambda: rmac.region_grid(3, 3, 0),
        lambda: vlad.vlad(maps(), torch.rand(2, 3), power=0),
        lambda: fisher.fit(maps(), 2, floor=0),
        lambda: vlad.fit(maps(), 0),
        lambda: multi_scale(lambda one: one, maps(), (0,)),
    ],
)
def test_settings_out_of_range(call):
    with pytest.raises(InputError, match="expected a (whole )?number"):
        call()


def test_projection_keeps_the_largest_variances():
    X = np.random.default_rng(0).normal(size=(200, 3)) * [1, 5, 2] + 4
    found = fit_projection(X, 2)
    mean, axes = found.mean, found.axes
    assert np.allclose(mean, X.mean(axis=0)) and np.allclose(np.abs(axes).argmax(axis=0), [1, 2])
    assert np.allclose(axes.T @ axes, np.eye(2)) and fit_projection(X, 3) is None
    with pytest.raises(InputError, match="more than 2"):
        fit_projection(X[:2], 2)


def test_a_sample_is_of_the_descriptors_and_hangs_on_the_seed():
    x = maps(n=10)
    rows = {tuple(row) for row in x.flatten(2).transpose(1, 2).flatten(0, 1).double().tolist()}
    drawn = sample(x, 7, 0, "test")
    assert drawn.shape == (7, 3) and {tuple(row) for row in drawn} <= rows
    assert np.array_equal(drawn, sample(x, 7, 0, "test")) and not np.array_equal(drawn, sample(x, 7, 1, "test"))


def test_the_package_is_listed_without_torch():
    code = "import sys, regard.representation.pooling; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("side", "cells"), [((7, 5), 3), ((6, 6), 6), ((2, 3), 4), ((13, 13), 6)])
@pytest.mark.parametrize("kind", ["max", "mean"])
def test_a_grid_is_adaptive_pooling(side, cells, kind):
    x = torch.randn(2, 3, *side, generator=torch.Generator().manual_seed(0))
    plain = {"max": torch.nn.functional.adaptive_max_pool2d, "mean": torch.nn.functional.adaptive_avg_pool2d}[kind]
    assert torch.allclose(grid(x, cells, kind), plain(x, cells).flatten(1), atol=1e-6)
    assert torch.allclose(grid(x, 1, "mean"), x.mean((2, 3)), atol=1e-6)


@pytest.mark.parametrize(("cells", "kind"), [(0, "max"), (2.5, "max"), (2, "sum")])
def test_grids_that_cannot_be(cells, kind):
    with pytest.raises(InputError, match="cells|kind"):
        grid(torch.ones(1, 1, 2, 2), cells, kind)
