"""How maps are read as descriptors, and what Fisher vectors and bags of words make of that, against plain loops."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.core.checks import InputError
from regard.representation.pooled import Pooled
from regard.representation.pooling import bag_of_words, fisher
from regard.representation.pooling._local import Local, levels_of

H, W, S, D, K = 6, 5, 2, 3, 4
PYRAMID = "1x1,2x2,3x1"


def maps(n: int = 2, seed: int = 0) -> torch.Tensor:
    """Maps with two descriptors a cell, some of them blank."""
    x = torch.from_numpy(np.random.default_rng(seed).uniform(0, 2, (n, S * D, H, W)))
    x[0, :D, 0, 0] = 0
    x[0, D:, 4, 4] = 0
    return x


def mixture(d: int = D, seed: int = 0) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1, K)
    parts = weights / weights.sum(), rng.uniform(0, 2, (K, d)), rng.uniform(0.2, 1, (K, d))
    return [torch.from_numpy(one) for one in parts]


def read_plainly(image: np.ndarray, positions: bool, skip_blank: bool):
    """(descriptor, row of the cell, column) of everything that counts."""
    for row in range(H):
        for column in range(W):
            for scale in range(S):
                x = image[D * scale : D * (scale + 1), row, column]
                if skip_blank and not x.any():
                    continue
                place = [(column + 0.5) / W - 0.5, (row + 0.5) / H - 0.5] if positions else []
                yield np.concatenate([x, place]), row, column


def fisher_plainly(local, weights, means, variances) -> np.ndarray:
    """Over descriptors and Gaussians, with signed roots, at length 1."""
    u, v = np.zeros_like(means), np.zeros_like(means)
    for x in local:
        density = np.array([w * np.prod(np.exp(-((x - m) ** 2) / (2 * s)) / np.sqrt(2 * np.pi * s))
                            for w, m, s in zip(weights, means, variances)])  # fmt: skip
        for k, q in enumerate(density / density.sum()):
            apart = (x - means[k]) / np.sqrt(variances[k])
            u[k] += q * apart / (len(local) * np.sqrt(weights[k]))
            v[k] += q * (apart**2 - 1) / (len(local) * np.sqrt(2 * weights[k]))
    g = np.concatenate([u.ravel(), v.ravel()])
    g = np.sign(g) * np.sqrt(np.abs(g))
    return g / max(np.linalg.norm(g), 1e-300)


def parts_plainly(local) -> list[list[np.ndarray]]:
    """Descriptors of each part of the pyramid."""
    found = []
    for rows, columns in ((1, 1), (2, 2), (3, 1)):
        for i in range(rows):
            for j in range(columns):
                inside = [
                    x
                    for x, row, column in local
                    if i / rows <= (row + 0.5) / H < (i + 1) / rows
                    and j / columns <= (column + 0.5) / W < (j + 1) / columns
                ]
                found.append(inside)
    return found


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("positions", "skip_blank", "pyramid"), [(False, False, "1x1"), (True, True, "1x1"), (True, True, PYRAMID)]
)
def test_a_fisher_vector_is_that_of_a_plain_double_loop(monkeypatch, positions, skip_blank, pyramid, dtype):
    monkeypatch.setattr("regard.representation.pooling.fisher._PIECE", 140)
    given = mixture(D + 2 * positions)
    form = {"per_cell": S, "positions": positions, "skip_blank": skip_blank, "pyramid": pyramid}
    found = fisher.Method(*given, **form)(maps().to(dtype))
    assert found.dtype == dtype
    for image, vector in zip(maps().numpy(), found):
        local = list(read_plainly(image, positions, skip_blank))
        parts = parts_plainly(local) if pyramid == PYRAMID else [[x for x, _, _ in local]]
        expected = np.concatenate([fisher_plainly(part, *(one.numpy() for one in given)) for part in parts])
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(vector, expected, atol=1e-12 if dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize("norm", ["hellinger", "l1"])
@pytest.mark.parametrize(("skip_blank", "pyramid"), [(False, "1x1"), (True, "1x1"), (True, PYRAMID)])
def test_a_bag_of_words_is_that_of_a_plain_loop(monkeypatch, norm, skip_blank, pyramid):
    monkeypatch.setattr("regard.representation.pooling.bag_of_words._PIECE", 140)
    words = np.random.default_rng(1).uniform(0, 2, (K, D))
    method = bag_of_words.Method(torch.from_numpy(words), norm=norm, per_cell=S, skip_blank=skip_blank, pyramid=pyramid)
    for image, vector in zip(maps().numpy(), method(maps())):
        local = list(read_plainly(image, False, skip_blank))
        parts = parts_plainly(local) if pyramid == PYRAMID else [[x for x, _, _ in local]]
        expected = []
        for part in parts:
            counts = np.zeros(K)
            for x in part:
                counts[min(range(K), key=lambda k: np.linalg.norm(x - words[k]))] += 1
            expected.append(counts / len(part) / len(parts))
        expected = np.concatenate(expected)
        np.testing.assert_allclose(vector, expected if norm == "l1" else np.sqrt(expected), atol=1e-12)
        assert float(vector.sum() if norm == "l1" else vector.norm()) == pytest.approx(1)


def test_a_fisher_vector_agrees_with_scikit_image_but_for_the_weights_and_a_sign():
    from skimage.feature import fisher_vector
    from sklearn.mixture import GaussianMixture

    weights, means, variances = mixture()
    theirs = GaussianMixture(K, covariance_type="diag")
    theirs.weights_, theirs.means_, theirs.covariances_ = weights.numpy(), means.numpy(), variances.numpy()
    theirs.precisions_cholesky_ = 1 / np.sqrt(variances.numpy())
    x = maps()[1:, :D]
    made = fisher_vector(x[0].flatten(1).T.numpy(), theirs, improved=True, alpha=0.5)
    made = made[K:]  # their gradients by the weights, which are none of ours
    made[K * D :] *= -1  # their gradients by the deviations have the opposite sign
    for dtype, within in ((torch.float64, 1e-9), (torch.float32, 1e-6)):
        ours = fisher.fisher(x.to(dtype), weights, means, variances)[0]
        np.testing.assert_allclose(ours, made / np.linalg.norm(made), atol=within)


def test_a_blank_picture_has_a_vector_and_small_maps_have_empty_parts():
    form = {"per_cell": S, "skip_blank": True, "pyramid": PYRAMID}
    for method in (fisher.Method(*mixture(), **form), bag_of_words.Method(torch.rand(K, D), **form)):
        blank = method(torch.zeros(1, S * D, 3, 3))[0]
        counting = replace(method, skip_blank=False)(torch.zeros(1, S * D, 3, 3))[0]
        assert torch.equal(blank, counting) and blank.norm() == pytest.approx(1)
        one = method(torch.rand(2, S * D, 1, 1, generator=torch.Generator().manual_seed(0)))
        assert torch.allclose(one.norm(dim=1), one.new_ones(2)) and torch.isfinite(one).all()


def test_descriptors_are_learned_from_with_their_positions_and_without_blank_ones():
    x = maps(8).float()
    method = fisher.fit(x, 3, dim=2, per_cell=S, positions=True, skip_blank=True, pyramid=PYRAMID)
    assert method.means.shape == (3, 4) and method.axes.shape == (D + 2, 4)
    assert torch.equal(method.axes[D:], torch.tensor([[0, 0, 1.0, 0], [0, 0, 0, 1]])) and not method.mean[D:].any()
    assert method(x).shape == (8, 8 * 2 * 3 * 4)
    words = bag_of_words.fit(x, 5, dim=2, per_cell=S, skip_blank=True)
    assert words.centres.shape == (5, 2) and words(x).shape == (8, 5)
    rows = Local(per_cell=S, skip_blank=True).rows(maps())
    assert rows.shape == (2 * H * W * S - 2, D) and (rows != 0).any(1).all()


def test_settings_of_before_leave_the_fingerprint_and_new_ones_are_kept():
    plain = Pooled("fisher", fisher.Method(*mixture())).state()[0]
    assert plain == {"name": "fisher", "settings": {"power": 0.5}, "scales": [1.0]}
    form = {"per_cell": 2, "positions": True, "skip_blank": True, "pyramid": "2x2"}
    card, tensors = Pooled("fisher", fisher.Method(*mixture(), **form)).state()
    assert card["settings"] == {"power": 0.5, **form}
    again = Pooled.from_state(card, tensors).method
    assert {name: getattr(again, name) for name in form} == form


@pytest.mark.parametrize(
    ("form", "x", "words"),
    [
        ({"per_cell": 4}, maps(), "maps: expected a multiple of 4, as so many are in a cell, got 6 channels"),
        ({"per_cell": 0}, maps(), "per_cell: expected"),
        ({"pyramid": "2"}, maps(), "pyramid: expected rows x columns"),
        ({"pyramid": "9x9"}, maps(), "pyramid: expected rows x columns, at most 64 parts"),
        ({"pyramid": "2x2"}, torch.rand(1, 4, D), "which have no place"),
        ({"positions": True}, torch.rand(1, 4, D), "which have no place"),
    ],
)
def test_what_cannot_be_read_is_told(form, x, words):
    with pytest.raises(InputError, match=words):
        fisher.Method(*mixture(), **form)(x)
    assert levels_of(" 1x1, 2x3 ") == [(1, 1), (2, 3)]
    with pytest.raises(InputError, match="norm: expected one of hellinger, l1"):
        bag_of_words.bag_of_words(maps(), torch.rand(K, S * D), "l2")
