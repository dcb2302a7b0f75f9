"""The geodesic, GFS and GFK: what holds on the Grassmann manifold, and the kernel's integral."""

import numpy as np
import pytest
from scipy.integrate import quad_vec
from scipy.linalg import expm, subspace_angles

from regard.adapt.named import adapter
from regard.adapt.spectrum import spectrum
from regard.adapt.vectors._geodesic import disagreement, geodesic
from regard.adapt.vectors.gfk import kernel_matrix
from regard.adapt.vectors.gfs import samples_of
from regard.core.checks import InputError


def bases(d=12, k=4, seed=0):
    rng = np.random.default_rng(seed)
    return [np.linalg.qr(rng.normal(size=(d, k)))[0] for _ in range(2)]


@pytest.mark.parametrize("t", [0.0, 0.3, 0.5, 1.0])
def test_every_point_is_orthonormal_and_the_ends_are_the_domains(t):
    Ps, Pt = bases()
    path = geodesic(Ps, Pt)
    Psi = path.at(t)
    np.testing.assert_allclose(Psi.T @ Psi, np.eye(4), atol=1e-12)
    if t in (0.0, 1.0):
        assert subspace_angles(Psi, Pt if t else Ps).max() < 1e-7
    # the angle to the start grows evenly, as on a geodesic
    np.testing.assert_allclose(np.sort(subspace_angles(Psi, Ps)), np.sort(t * path.angles), atol=1e-7)


def test_the_kernel_is_the_integral_over_the_path():
    Ps, Pt = bases()
    path = geodesic(Ps, Pt)
    plain = quad_vec(lambda t: path.at(t) @ path.at(t).T, 0, 1, epsabs=1e-12)[0]
    np.testing.assert_allclose(kernel_matrix(Ps, Pt), plain, atol=1e-9)
    uniform = np.mean([path.at(t) @ path.at(t).T for t in (np.arange(4000) + 0.5) / 4000], axis=0)
    np.testing.assert_allclose(kernel_matrix(Ps, Pt), uniform, atol=1e-6)
    gauss = samples_of(path, 12, "gauss")
    np.testing.assert_allclose(gauss @ gauss.T, plain, atol=1e-10)


def test_the_kernel_is_gongs_formula():
    Ps, Pt = bases()
    d, k = Ps.shape
    full = np.linalg.qr(np.c_[Ps, np.random.default_rng(3).normal(size=(d, d - k))])[0]
    Rs = full[:, k:]
    U1, c, Vt = np.linalg.svd(Ps.T @ Pt)
    T = np.arccos(np.clip(c, -1, 1))
    U2 = -(Rs.T @ Pt @ Vt.T) / np.sin(T)
    L1, L2, L3 = (
        0.5 * (1 + np.sin(2 * T) / (2 * T)),
        0.5 * (np.cos(2 * T) - 1) / (2 * T),
        0.5 * (1 - np.sin(2 * T) / (2 * T)),
    )
    left = np.c_[Ps @ U1, Rs @ U2]
    G = left @ np.block([[np.diag(L1), np.diag(L2)], [np.diag(L2), np.diag(L3)]]) @ left.T
    np.testing.assert_allclose(kernel_matrix(Ps, Pt), G, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-5, 1e-3, 1.0, np.pi / 2])
def test_angles_from_equal_to_orthogonal(angle):
    Ps = np.eye(6)[:, :2]
    Pt = np.c_[np.cos(angle) * Ps[:, 0] + np.sin(angle) * np.eye(6)[:, 4], Ps[:, 1]]
    path = geodesic(Ps, Pt)
    np.testing.assert_allclose(np.sort(path.angles), [0, angle], atol=1e-12)
    plain = quad_vec(lambda t: path.at(t) @ path.at(t).T, 0, 1, epsabs=1e-13)[0]
    np.testing.assert_allclose(path.root() @ path.root().T, plain, atol=1e-9)


def test_swapping_the_domains_changes_nothing():
    Ps, Pt = bases()
    np.testing.assert_allclose(kernel_matrix(Ps, Pt), kernel_matrix(Pt, Ps), atol=1e-12)


def test_gfk_rows_have_the_kernels_products():
    rng = np.random.default_rng(0)
    Xs, ys, Xt = rng.normal(size=(40, 8)), np.arange(40) % 2, rng.normal(size=(30, 8)) @ np.diag(np.arange(1, 9))
    model = adapter("gfk", n_components=3, center=False).fit(Xs, ys, Xt)
    G = kernel_matrix(spectrum(Xs).axes[:, :3], spectrum(Xt).axes[:, :3])
    np.testing.assert_allclose(model.transform(Xt) @ model.transform(Xs, "source").T, Xt @ G @ Xs.T, atol=1e-9)
    assert model.transform(Xt).shape == (30, 6)
    sampled = adapter("gfs", n_components=3, points="gauss", n_points=16, center=False).fit(Xs, ys, Xt)
    np.testing.assert_allclose(sampled.transform(Xt) @ sampled.transform(Xs, "source").T, Xt @ G @ Xs.T, atol=1e-8)
    two = adapter("gfs", n_components=3, n_points=2, center=False).fit(Xs, ys, Xt)
    assert subspace_angles(two.bases_[:, :3], spectrum(Xs).axes[:, :3]).max() < 1e-7
    assert subspace_angles(two.bases_[:, 3:], spectrum(Xt).axes[:, :3]).max() < 1e-7


def test_subspace_disagreement_counts_shared_directions():
    rng = np.random.default_rng(0)
    scale = np.r_[10, 8, 6, 4, np.full(16, 0.5)]
    X = rng.normal(size=(400, 20)) * scale
    half = np.triu(0.5 * rng.normal(size=(16, 16)))
    turn = np.eye(20)
    turn[4:, 4:] = expm(half - half.T)
    Y = rng.normal(size=(400, 20)) * scale @ turn
    same, other = disagreement(*map(spectrum, (X, X, X)), 20), disagreement(*map(spectrum, (X, Y, np.r_[X, Y])), 20)
    assert same == 10 and 4 < other <= 10  # never more than half of the features
    opposed = X[:, ::-1]
    assert disagreement(spectrum(X), spectrum(opposed), spectrum(np.r_[X, opposed]), 20) < other


def test_bad_settings():
    rng = np.random.default_rng(0)
    Xs, ys, Xt = rng.normal(size=(20, 4)), np.arange(20) % 2, rng.normal(size=(20, 4))
    for name, settings, message in (
        ("gfk", {"n_components": "many"}, "n_components"),
        ("gfk", {"n_components": 0}, "n_components"),
        ("gfs", {"n_points": 1}, "n_points"),
        ("gfs", {"points": "random"}, "points"),
    ):
        with pytest.raises(InputError, match=message):
            adapter(name, **settings).fit(Xs, ys, Xt)
    with pytest.raises(InputError, match="Xt: expected samples that differ"):
        adapter("gfk").fit(Xs, ys, np.ones((5, 4)))
