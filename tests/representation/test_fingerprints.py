"""An index that was made before stays valid: what names vectors is the same text as ever."""

import numpy as np
import pytest
import torch

from regard.core.storage import hash_json
from regard.representation.pipeline import DECODER, open_pipeline
from regard.representation.representation import Representation

FINGERPRINTS = {"imagenet": "fa9febf05de242051e23c875ae44a034", "random:convnet4": "e44b775cd344e0dd65aafe22cba2e133"}
# torch draws other normal numbers from the same seed where it has no vector instructions
VECTORS = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_fingerprints_are_those_of_version_0_1(name):
    if name.startswith("random:") and not VECTORS:
        pytest.skip("other first weights")
    assert Representation.load(name).fingerprint == FINGERPRINTS[name]


def test_the_key_of_kept_vectors_is_as_it_was(monkeypatch):
    """Layers by number stay whole numbers in the key; the vectors are kept in a file of this name."""
    keys = []
    monkeypatch.setattr("regard.representation.pipeline.VectorCache", lambda key, *_: keys.append(key) or Nothing())
    pictures = [np.full((32, 32, 3), 7, np.uint8), np.arange(3072, dtype=np.uint8).reshape(32, 32, 3)]
    rep = Representation.load("random:convnet4")
    for layer in (None, 1, "1"):
        pipeline = open_pipeline(pictures, rep, precision="fp32", layer=layer)
        assert len(list(pipeline)) == 1
        number = None if layer is None else 1
        assert keys[0] == hash_json([rep.fingerprint, number, pipeline.runner.name, 8, DECODER])
        assert pipeline.card(2)["layer"] == number
        keys.clear()


class Nothing:
    """A cache that keeps nothing."""

    def get(self, key):
        return None

    def put(self, vectors):
        pass

    def close(self):
        pass
