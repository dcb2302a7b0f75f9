"""An index that was made before stays valid: what names vectors is the same text as ever."""

import numpy as np
import torch

from regard.core.storage import hash_json
from regard.representation.pipeline import DECODER, open_pipeline
from regard.representation.representation import Representation

IMAGENET, FILLED = "fa9febf05de242051e23c875ae44a034", "f0d6dd0897e8845c6d2f424f0a74496a"


def test_fingerprints_are_those_of_version_0_1():
    assert Representation.load("imagenet").fingerprint == IMAGENET
    rep = Representation.load("random:convnet4")
    with torch.no_grad():  # with numbers of our own: what torch draws depends on the processor's instructions
        for value in rep.encoder.state_dict().values():
            if value.is_floating_point():
                value.copy_((torch.arange(value.numel()) % 7 / 8).view(value.shape))
    assert Representation(rep.encoder, rep.preprocess, rep.card).fingerprint == FILLED


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
