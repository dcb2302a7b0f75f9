"""Runs keep what they learned from, those that they went on from included."""

import numpy as np

from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.decode import content_hash, read
from regard.learning.learned import LEARNED, Learned, read_learned
from regard.learning.settings import TrainSettings
from regard.representation.representation import Representation
from regard.reuse.finetune import finetune

QUICK = TrainSettings(steps=1, batch=8, precision="fp32", device="cpu")


def hashes(images):
    return frozenset(content_hash(read(item)) for item in images.items)


def test_a_run_and_what_goes_on_from_it(tmp_path):
    digits = builtin("digits")
    first, second, test = (digits.subset(np.arange(start, start + 30)) for start in (0, 100, 200))
    train(first.without_labels(), "rotation", out=tmp_path / "run", settings=QUICK, size=32)
    assert read_learned(Representation.load(tmp_path / "run")) == Learned(hashes(first))
    finetune(second, test, tmp_path / "run", out=tmp_path / "tuned", settings=QUICK)
    tuned = Representation.load(tmp_path / "tuned")
    assert read_learned(tuned) == Learned(hashes(first) | hashes(second))
    assert LEARNED in tuned.card["results"]
    # a run of before keeps no record
    (tmp_path / "tuned" / LEARNED).unlink()
    assert read_learned(tuned) == Learned(frozenset(), (str(tmp_path / "tuned"),))


def test_random_weights_have_seen_nothing_and_published_ones_do_not_say():
    assert read_learned(Representation.load("random:convnet4")) == Learned()
    assert read_learned(Representation.load("imagenet")) == Learned(frozenset(), ("imagenet",))
