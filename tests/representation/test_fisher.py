"""A Fisher vector is a representation like any other: learned from descriptors, saved, loaded, embedded."""

import numpy as np
import pytest
import torch

from regard.data.decode import decode
from regard.representation.embed import embed
from regard.representation.pooled import Pooled
from regard.representation.pooling import fisher
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation


@pytest.mark.parametrize("network", ["dense_sift", "convnet4"])
def test_a_fisher_vector_is_learned_saved_loaded_and_embedded(network, class_folder, tmp_path):
    plain = Representation.load(f"random:{network}")
    plain.preprocess = Preprocess(40, 40)
    files = sorted(class_folder.rglob("*.png"))
    x = torch.stack([plain.preprocess.apply(decode(file)) for file in files]).float() / 255
    with torch.inference_mode():
        method = fisher.fit(plain.encoder.last_map(x), 4, dim=16)
        expected = method(plain.encoder.last_map(x)).numpy()
    card = {"name": f"fisher of {network}"}
    rep = Representation(plain.encoder, plain.preprocess, card, pooled=Pooled("fisher", method))
    rep.save(tmp_path / "fisher")
    again = Representation.load(tmp_path / "fisher")
    assert again.name == f"fisher of {network}"
    assert again.fingerprint == rep.fingerprint != plain.fingerprint
    found = embed(class_folder, again, precision="fp32")
    assert found.vectors.shape == (24, 2 * 4 * 16)
    np.testing.assert_allclose(found.vectors, expected, atol=2e-3)
    if network == "dense_sift":  # stripes along and across have other gradients
        own = found.vectors @ found.vectors.T - 2 * np.eye(24)
        assert (found.labels[own.argmax(1)] == found.labels).all()
