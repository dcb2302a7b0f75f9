"""DSN: the error that ignores brightness, the overlap of two codes, and what the loss is put together of."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from helpers.adapting import seen
from regard.adapt.networks._adversary import domain_loss
from regard.adapt.networks.dan import multi_kernel_mmd2
from regard.adapt.networks.dsn import Method, Parts, overlap, scale_invariant_error
from regard.core.checks import InputError
from regard.core.runtime import seeded_init
from regard.learning.trainable import Moment

LATE = Moment(progress=0.5)


def parts(method: Method, features: int = 5) -> Parts:
    with seeded_init(0):
        found = method.parts(features, 3, 9)
    assert isinstance(found, Parts)
    return found


def test_the_error_is_the_paper_s_in_a_loop() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 3, 5, 6)), rng.normal(size=(4, 3, 5, 6))
    expected = []
    for x, y in zip(a, b):
        d, k = (x - y).ravel(), x.size
        expected.append((d @ d) / k - (d @ np.ones(k)) ** 2 / k**2)
    found = scale_invariant_error(torch.from_numpy(a), torch.from_numpy(b))
    assert np.isclose(float(found), np.mean(expected))
    shifted = torch.from_numpy(a) + torch.tensor([5.0, -2, 0, 100])[:, None, None, None]  # another one for each image
    assert np.isclose(float(scale_invariant_error(shifted, torch.from_numpy(b))), np.mean(expected))


def test_the_overlap_is_the_mean_product_of_cosines_and_the_squared_norm() -> None:
    rng = np.random.default_rng(1)
    c, p = rng.normal(size=(7, 4)) + 3, rng.normal(size=(7, 4))
    found = float(overlap(torch.from_numpy(c), torch.from_numpy(p)))
    unit = [(h - h.mean(0)) / np.linalg.norm(h - h.mean(0), axis=1, keepdims=True) for h in (c, p)]
    assert np.isclose(found, np.linalg.norm(unit[0].T @ unit[1]) ** 2 / 49)
    cosines = [u @ u.T for u in unit]
    assert np.isclose(found, np.mean(cosines[0] * cosines[1])) and 0 <= found <= 1
    one = torch.randn(1, 4, requires_grad=True)
    overlap(one, one * 2).backward()
    assert torch.equal(one.grad, torch.zeros(1, 4))


@pytest.mark.parametrize("similarity", ["dann", "mmd"])
def test_the_loss_is_put_together_of_its_terms(similarity: str) -> None:
    given, method = seen(), Method(alpha=2.0, beta=3.0, gamma=5.0, similarity=similarity)
    own = parts(method)
    with torch.no_grad():
        terms = 0.0
        for name, c, images in (
            ("source", given.source_features, given.source_images),
            ("target", given.target_features, given.target_images),
        ):
            small = interpolate(images, (32, 32), mode="bilinear", antialias=True)
            p = own.private[name](small)
            terms += 2 * scale_invariant_error(own.decoder(c + p), small) + 3 * overlap(c, p)
        s, t = given.source_features, given.target_features
        if similarity == "mmd":
            alike = multi_kernel_mmd2(s, t)
        else:
            alike = domain_loss(own.domain(s)[:, 0], own.domain(t)[:, 0])
    assert hasattr(own, "domain") == (similarity == "dann")
    early, told = method.loss(given, own, Moment(progress=0.04))
    late, _ = method.loss(given, own, LATE)
    assert torch.isclose(early, terms, rtol=1e-4) and torch.isclose(late - early, 5 * alike, rtol=1e-3)
    assert ("domain_spread" in told) == (similarity == "dann")


def test_features_get_the_gradient_of_telling_the_domain_turned_round_and_the_rest_as_it_is() -> None:
    method, found = Method(gamma=5.0), []
    own = parts(method)
    for at in (Moment(), LATE):
        given = seen()
        method.loss(given, own, at)[0].backward()
        found.append(given.target_features.grad)
    plain = seen()
    domain_loss(own.domain(plain.source_features)[:, 0], own.domain(plain.target_features)[:, 0]).backward()
    assert torch.allclose(found[1] - found[0], -5 * plain.target_features.grad, atol=1e-6)
    assert float(found[0].abs().max()) > 1e-5, "what the decoder asks of the shared code"


def test_each_domain_has_an_encoder_of_its_own_and_images_may_have_any_size() -> None:
    method, given = Method(), seen()
    own = parts(method)
    wide = given._replace(source_images=torch.rand(12, 3, 40, 24), target_images=torch.rand(9, 3, 32, 32))
    assert torch.isfinite(method.loss(wide, own)[0])
    a, b = (list(own.private[name].parameters()) for name in ("source", "target"))
    assert not {id(p) for p in a} & {id(p) for p in b} and not torch.equal(a[0], b[0])


def test_what_is_taught_gives_the_images_back_from_codes_that_do_not_overlap() -> None:
    given = seen(6, 6)
    given = given._replace(
        source_features=given.source_features.detach(), target_features=given.target_features.detach()
    )
    method = Method(alpha=1.0, beta=1.0, gamma=0.0)
    own = parts(method)
    optimiser, log = torch.optim.Adam(own.parameters(), 3e-3), []
    for _ in range(60):
        loss, told = method.loss(given, own)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        log.append({key: float(value) for key, value in told.items()})
    assert log[-1]["reconstruction"] < log[0]["reconstruction"] / 2 and log[-1]["overlap"] < log[0]["overlap"] / 2


@pytest.mark.parametrize(
    "wrong", [{"alpha": -1.0}, {"beta": -1.0}, {"gamma": -1.0}, {"similarity": "w"}, {"start": 2.0}, {"hidden": 0}]
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
