"""A mixture of Gaussians with diagonal covariances, learned from any number of descriptors in bounded memory.

Expectation maximisation (Dempster, Laird and Rubin 1977, JRSS B 39) over all rows, a piece at a time: every step is
exact, with posteriors in the rows' own precision and their sums in double. It starts from k-means. Variances have a
floor, a share of the variance of all rows along that axis; a Gaussian that nothing belongs to starts anew as half of
the heaviest one, the two apart by one deviation along its widest axis (as Linde, Buzo and Gray 1980 split words).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.checks import check_number
from ._kmeans import k_means
from ._rows import Rows, Scaled, moments, pieces

STEPS, SMALL = 100, 1e-3  # at most so many steps, until a descriptor's log-likelihood rises by less than this
LIGHTEST = 1e-6  # least weight: a Gaussian that nothing belongs to would get huge gradients


@dataclass(frozen=True)
class Mixture:
    """Weights (K,), means and variances (K, D) in float64, and how well they fit.

    Attributes:
        log_likelihood: of a row, in nats, the mean over all rows that were learned from.
        steps: of expectation maximisation.
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    log_likelihood: float
    steps: int


@dataclass(frozen=True)
class Terms:
    """log w_k N(x; m_k, v_k) as one product: [y, y^2] @ `weights` + `constant`, with y = x - `centre`."""

    centre: Tensor
    weights: Tensor
    constant: Tensor

    @staticmethod
    def of(weights_K: Tensor, means_KD: Tensor, variances_KD: Tensor, like: Tensor) -> "Terms":
        """Made in double precision where the device has it, then as `like`.

        Rows are taken relative to the mixture's own mean: squares of small numbers keep their digits in float32.
        """
        w, m, v = (part.detach().cpu().double() for part in (weights_K, means_KD, variances_KD))
        centre = (w[:, None] * m).sum(0) / w.sum()
        m = m - centre
        constant = w.log() - (v.log().sum(1) + (m**2 / v).sum(1) + m.shape[1] * np.log(2 * np.pi)) / 2
        return Terms(*(one.to(like) for one in (centre, torch.cat([m / v, -1 / (2 * v)], 1).T, constant)))

    def of_rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """([y, y^2] (..., 2 D), log w_k N(x; m_k, v_k) (..., K)) of rows (..., D)."""
        y = x - self.centre
        both = torch.cat([y, y * y], -1)
        return both, both @ self.weights + self.constant


def fit_mixture(
    rows: Rows,
    k: int,
    seed: int,
    purpose: str,
    *,
    floor: float = 1e-3,
    device: str = "cpu",
    argument: str = "maps",
) -> Mixture:
    """Learn a mixture of k Gaussians; O(M k D) a step, at most 100 steps.

    Args:
        rows: descriptors (M, D).
        k: Gaussians.
        seed: draws the first centres.
        purpose: whose draws they are.
        floor: least variance, as a share of that of all rows along the axis.
        device: where products are computed.
        argument: what to call the rows in a message.

    Raises:
        InputError: fewer different rows than k.
    """
    check_number("floor", floor, 0, 1, open_low=True)
    known = moments(rows) if rows.shape[0] else None
    if known is None:
        k_means(rows, k, seed, purpose, device, argument)  # says what is missing
        raise AssertionError
    centre, spread = known.mean, np.sqrt(np.maximum(np.diag(known.covariance), 0))
    spread[spread <= 1e-12 * np.abs(centre)] = 1  # a constant channel
    scaled = Scaled(rows, centre, spread)
    weights, means, variances = _start(scaled, k, seed, purpose, floor, device, argument)
    before, steps = -np.inf, 0
    for steps in range(1, STEPS + 1):
        count, first, second, fit = _sums(scaled, weights, means, variances, device)
        empty = count < LIGHTEST * scaled.shape[0]
        safe = np.maximum(count, 1e-300)[:, None]
        weights = np.maximum(count / count.sum(), LIGHTEST)
        means = np.where(empty[:, None], means, first / safe)
        variances = np.where(empty[:, None], variances, np.maximum(second / safe - means**2, floor))
        if not empty.any() and abs(fit - before) < SMALL:
            break
        before = fit
        if steps < STEPS:
            _refill(empty, weights, means, variances)
        weights = weights / weights.sum()
    weights = weights / weights.sum()
    fit -= float(np.log(spread).sum())
    return Mixture(weights, means * spread + centre, variances * spread**2, fit, steps)


def log_likelihood(rows: Rows, mixture: Mixture, device: str = "cpu") -> float:
    """Mean log-likelihood of a row, in nats."""
    total = 0.0
    terms: Terms | None = None
    for x in pieces(rows, device):
        terms = terms or _terms(mixture.weights, mixture.means, mixture.variances, x)
        total += float(torch.logsumexp(terms.of_rows(x)[1], 1).cpu().double().sum())
    return total / rows.shape[0]


def _start(
    rows: Scaled, k: int, seed: int, purpose: str, floor: float, device: str, argument: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares, means and variances of the clusters of k-means."""
    centres, words = k_means(rows, k, seed, purpose, device, argument)
    second, count, at = np.zeros_like(centres), np.bincount(words, minlength=k), 0
    first = np.zeros_like(centres)
    for x in pieces(rows):
        word, x = torch.from_numpy(words[at : at + len(x)]), x.double()
        first += torch.zeros_like(x.new_empty(centres.shape)).index_add_(0, word, x).numpy()
        second += torch.zeros_like(x.new_empty(centres.shape)).index_add_(0, word, x * x).numpy()
        at += len(x)
    many = np.maximum(count, 1)[:, None]
    means = np.where(count[:, None] > 0, first / many, centres)
    variances = np.where(count[:, None] > 0, second / many - means**2, 1.0)
    weights = np.maximum(count / count.sum(), LIGHTEST)
    return weights / weights.sum(), means, np.maximum(variances, floor)


def _sums(
    rows: Scaled, weights: np.ndarray, means: np.ndarray, variances: np.ndarray, device: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Posteriors' sums: of 1 (k,), of x and of x^2 (k, D) each; and the mean log-likelihood."""
    k, d = means.shape
    count, sums, fit = np.zeros(k), np.zeros((k, 2 * d)), 0.0
    terms: Terms | None = None
    for x in pieces(rows, device):
        if terms is None:
            terms = _terms(weights, means, variances, x)
        both, logs = terms.of_rows(x)
        likely = torch.logsumexp(logs, 1, keepdim=True)
        q = (logs - likely).exp()
        count += q.sum(0).cpu().double().numpy()
        sums += (q.T @ both).cpu().double().numpy()
        fit += float(likely.cpu().double().sum())
    assert terms is not None
    centre = terms.centre.cpu().double().numpy()
    first, second = sums[:, :d], sums[:, d:]
    # from about the mixture's mean to about 0
    second = second + 2 * centre * first + count[:, None] * centre**2
    return count, first + count[:, None] * centre, second, fit / rows.shape[0]


def _terms(weights: np.ndarray, means: np.ndarray, variances: np.ndarray, like: Tensor) -> Terms:
    return Terms.of(torch.from_numpy(weights), torch.from_numpy(means), torch.from_numpy(variances), like)


def _refill(empty: np.ndarray, weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> None:
    """Give each empty Gaussian half of the heaviest one, in place."""
    for one in np.flatnonzero(empty):
        heavy = int(weights.argmax())
        weights[one] = weights[heavy] = weights[heavy] / 2
        axis = int(variances[heavy].argmax())
        means[one], variances[one] = means[heavy], variances[heavy]
        half = np.sqrt(variances[heavy, axis]) / 2
        means[one, axis] += half
        means[heavy, axis] -= half
