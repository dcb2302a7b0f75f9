"""The examples of objectives outside the package, found through an entry point as those of any other package are."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.core.discover import load, names
from regard.core.runtime import seeded_init
from regard.data.builtin import builtin
from regard.learning.batch import Batch
from regard.learning.batches import Feed
from regard.learning.loop import training
from regard.learning.module import LearningModule
from regard.learning.objective import Split
from regard.learning.sampling import Shuffled, Together
from regard.learning.scores import held_out_scores
from regard.learning.settings import TrainSettings
from regard.representation.preprocess import Preprocess

EXAMPLES = Path(__file__).parents[2] / "examples"
SETTINGS = TrainSettings(steps=60, lr=3e-3, precision="fp32", device="cpu", log_every=10)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package with both, as pip would have installed it."""
    about = tmp_path / "extensions-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: extensions\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[regard.task]\ndann = dann:Method\none_box = one_box:Method\n")
    for folder in (EXAMPLES, tmp_path):
        monkeypatch.syspath_prepend(str(folder))
    yield
    for name in ("dann", "one_box"):
        sys.modules.pop(name, None)


def module_of(objective) -> LearningModule:
    with seeded_init(0):
        encoder = make_encoder("convnet4", size=32)
        return LearningModule(objective, encoder, objective.head(encoder))


def test_dann_learns_from_source_and_target_batches_of_other_sizes():
    assert "dann" in names("task")
    digits, drawn = builtin("digits"), builtin("rendered_digits")
    source, target = drawn.subset(np.arange(0, len(drawn), 4)), digits.subset(np.arange(0, 600))
    held_out = digits.subset(np.arange(600, 900))
    objective = load("task", "dann")().configure(Split(source, held_out, True))
    module, steps = module_of(objective), Preprocess(32, 32)
    feeds = {"source": Feed(source, steps, classes=objective.classes), "target": Feed(target, steps)}
    sizes = {"source": 48, "target": 20}
    batches = Together({name: Shuffled(feeds[name], len(feeds[name].images), sizes[name], 0, name) for name in feeds})
    first = batches(0)
    assert {name: len(first[f"{name}/images"]) for name in sizes} == sizes and "target/labels" not in first
    exam = Feed(held_out, steps, classes=objective.classes)
    before = held_out_scores(module, exam, 0).score
    shares = [e.values["lambda"] for e in training(module, batches, SETTINGS) if e.kind == "train"]
    # the mean of the rule over each ten steps
    rule = [np.mean([2 / (1 + np.exp(-10 * step / 60)) - 1 for step in range(a, a + 10)]) for a in range(0, 60, 10)]
    assert np.allclose(shares, rule)
    # 0.10 to 0.11 before, 0.59 to 0.65 after, over five seeds and two arithmetics
    assert held_out_scores(module, exam, 0).score > before + 0.25


def test_the_turned_gradient_is_that_of_minus_lambda_times_the_domain_loss():
    from dann import Turned

    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    (x**2).sum().backward()
    plain, x.grad = x.grad.clone(), None
    (Turned.apply(x, 0.3) ** 2).sum().backward()
    assert torch.allclose(x.grad, -0.3 * plain)


def with_a_box(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A light rectangle on a dark ground, and where it is."""
    rng = np.random.default_rng(0)
    low, size = rng.uniform(0, 0.5, (n, 2)), rng.uniform(0.25, 0.5, (n, 2))
    boxes = np.concatenate([low, low + size], 1)
    at = (np.arange(32) + 0.5) / 32
    inside = [(at > boxes[:, k, None]) & (at < boxes[:, k + 2, None]) for k in (0, 1)]
    pixels = 40 + 150 * (inside[1][:, :, None] & inside[0][:, None, :])
    images = np.repeat(pixels[:, None], 3, 1).astype(np.uint8)
    return torch.from_numpy(images), torch.from_numpy(boxes.astype(np.float32))


def test_a_box_is_learned_and_scored_by_what_the_objective_measures(tmp_path: Path):
    images, boxes = with_a_box(256)

    class Boxed:
        def __call__(self, rows: np.ndarray, held_out: bool = False) -> Batch:
            rows = torch.from_numpy(np.asarray(rows))
            return Batch(images[rows], rows, boxes=boxes[rows], held_out=held_out)

        def in_order(self, size: int):
            yield self(np.arange(200, 256), held_out=True)

    module, feed = module_of(load("task", "one_box")()), Boxed()
    before = held_out_scores(module, feed, 0)
    settings = replace(SETTINGS, steps=120, eval_every=40)
    scores = []

    def evaluate():
        scores.append(held_out_scores(module, feed, 0))
        return scores[-1]

    events = list(training(module, Shuffled(feed, 200, 32, 0), settings, evaluate=evaluate, folder=tmp_path))
    assert before.main == "iou" and before.values.keys() == {"iou"}, "no chance, so no p-value"
    assert [e.values["iou"] for e in events if e.kind == "eval"] == [one.score for one in scores]
    # 0.32 before, 0.83 to 0.85 after, over five seeds and two arithmetics
    assert scores[-1].score > before.score + 0.25
