"""Ways of fine-tuning in whole runs: the probe first, stage by stage, held to the start; and stopped ones go on."""

import numpy as np
import pytest
import torch

from regard.core.checks import InputError
from regard.core.storage import load_tensors, read_json
from regard.create.run import train as create
from regard.data.builtin import builtin
from regard.learning.batches import Feed
from regard.learning.module import features_of
from regard.learning.settings import TrainSettings
from regard.representation.representation import Representation
from regard.reuse.finetune import finetune, finetune_events
from regard.reuse.head_first import Probe
from regard.reuse.logistic import fit_logistic

SETTINGS = TrainSettings(steps=8, batch=32, precision="fp32", device="cpu", checkpoint_steps=2, eval_every=4)
PLAIN = {"recipe": "none"}


@pytest.fixture(scope="module")
def digits():
    every = builtin("digits")
    return every.subset(np.arange(0, 200)), every.subset(np.arange(1000, 1150))


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    settings = TrainSettings(steps=30, batch=64, lr=5e-3, precision="fp32", device="cpu", eval_every=30)
    images = builtin("digits").subset(np.arange(400, 800))
    return create(images, "labels", out=tmp_path_factory.mktemp("run"), settings=settings, size=32, method=PLAIN)


def test_the_probe_comes_first_and_the_second_stage_begins_with_it(digits, learned, tmp_path):
    train, test = digits
    # with a rate of next to nothing the second stage changes next to nothing
    still = TrainSettings(steps=1, batch=32, lr=1e-12, weight_decay=0, precision="fp32", device="cpu")
    found = finetune(train, test, learned, unfreeze="lp-ft", settings=still, method=PLAIN, out=tmp_path / "still")
    made = Representation.load(tmp_path / "still")
    before = learned.encoder.state_dict()
    for name, value in made.encoder.state_dict().items():
        same = torch.equal(value, before[name]) or torch.allclose(value, before[name], atol=1e-9)
        assert same or name.endswith("num_batches_tracked"), name
    vectors, asked = (features_of(learned.encoder, Feed(one, learned.preprocess), size=128).numpy() for one in digits)
    plain = fit_logistic(vectors, train.need_labels("TRAIN"), seed=0)
    told = read_json(tmp_path / "still" / "probe.json")
    assert told["penalty"] == plain.penalty and told["cv_accuracy"] == pytest.approx(plain.cv_accuracy, abs=1e-3)
    head = load_tensors(tmp_path / "still" / "classifier.safetensors")
    assert np.allclose(head["weight"].numpy(), plain.coef.T, atol=1e-3 * np.abs(plain.coef).max())
    right = float(np.mean(plain.predict(asked) == test.need_labels("TEST")))
    assert found.metrics["probe_accuracy"] == pytest.approx(right) == pytest.approx(found.metrics["accuracy"])
    assert made.card["probe"] == told and made.card["training"]["unfreeze"] == "lp-ft"
    assert "probe.json" in made.card["results"]


def test_batch_normalisation_keeps_the_statistics_that_the_probe_saw(digits, learned, tmp_path):
    train, test = digits
    finetune(train, test, learned, unfreeze="lp-ft", settings=SETTINGS, method=PLAIN, out=tmp_path / "run")
    after, before = Representation.load(tmp_path / "run").encoder.state_dict(), learned.encoder.state_dict()
    for name, value in after.items():
        assert torch.equal(value, before[name]) == ("running_" in name or "num_batches" in name), name


@pytest.mark.parametrize(
    "options",
    [{"unfreeze": "lp-ft"}, {"unfreeze": "gradual"}, {"l2_sp": 0.1}, {"unfreeze": "gradual", "l2_sp": 0.1}],
    ids=str,
)
def test_a_run_that_stops_goes_on_to_the_same_weights(digits, learned, options, tmp_path, monkeypatch):
    train, test = digits
    options = options | {"settings": SETTINGS, "method": PLAIN}
    whole = finetune(train, test, learned, out=tmp_path / "whole", **options)
    for stop in (2, 6):  # in the middle of the turns, and after the last one
        events = finetune_events(train, test, learned, out=tmp_path / f"cut{stop}", **options)
        for event in events:
            if event.kind == "checkpoint" and event.step == stop:
                break
        events.close()
        with monkeypatch.context() as patch:  # the probe is not fitted again
            patch.setattr("regard.reuse.head_first.fit_head", None)
            cut = finetune(train, test, learned, out=tmp_path / f"cut{stop}", **options)
        for file in ("model.safetensors", "classifier.safetensors"):
            one, two = (load_tensors(tmp_path / name / file) for name in ("whole", f"cut{stop}"))
            assert all(torch.equal(one[name], two[name]) for name in one)
        assert cut.metrics["accuracy"] == whole.metrics["accuracy"]
    changed = options | ({"unfreeze": "all"} if "unfreeze" in options else {"l2_sp": 0.2})
    with pytest.raises(InputError, match="--out: .* (unfreeze|l2_sp) was"):
        finetune(train, test, learned, out=tmp_path / "whole", **changed)


def test_the_pull_keeps_the_network_near_its_start(digits, learned, tmp_path):
    train, test = digits
    gone = []
    for strength in (None, 10.0):
        out = tmp_path / f"{strength}"
        finetune(train, test, learned, l2_sp=strength, settings=SETTINGS, method=PLAIN, out=out, backbone_lr_factor=1.0)
        after = Representation.load(out).encoder
        pairs = zip(after.parameters(), learned.encoder.parameters())
        gone.append(sum((a - b).detach().square().sum().item() for a, b in pairs))
    assert gone[1] < 0.5 * gone[0]
    assert read_json(tmp_path / "10.0" / "card.json")["training"]["l2_sp"] == 10.0


def test_a_network_that_ends_at_a_layer_is_tuned_up_to_there(digits, learned, tmp_path):
    train, test = digits
    short = learned.at("blocks.1")
    found = finetune(train, test, short, settings=SETTINGS, method=PLAIN, out=tmp_path / "run", backbone_lr_factor=1.0)
    made = Representation.load(tmp_path / "run")
    assert made.encoder.ends == "blocks.1"
    assert load_tensors(tmp_path / "run" / "classifier.safetensors")["weight"].shape == (10, 64)
    before = learned.encoder.state_dict()
    for name, value in made.encoder.state_dict().items():
        assert torch.equal(value, before[name]) == (name.split(".")[2] in "23"), name
    assert 0 < found.metrics["accuracy"] <= 1


def test_a_part_of_another_network_is_put_in_first(digits, learned, tmp_path):
    train, test = digits
    options = {"init_from": learned, "init_layers": "..blocks.1", "layers": "last:2", "settings": SETTINGS}
    finetune(train, test, "random:convnet4:5", out=tmp_path / "run", method=PLAIN, **options)
    card, after = read_json(tmp_path / "run" / "card.json"), Representation.load(tmp_path / "run").encoder.state_dict()
    report = card["begun_with"]["network"]
    assert {name.split(".")[1] for name in report["taken"]} == {"0", "1"} and report["source"] == learned.name
    assert {name.split(".")[1] for name in report["left"]} == {"2", "3"}
    for name in report["taken"]:  # these did not learn
        assert torch.equal(after[f"network.{name}"], learned.encoder.state_dict()[f"network.{name}"])
    # what the other one has seen is known
    seen = set(read_json(tmp_path / "run" / "learned.json")["pictures"])
    assert len(seen) >= 400
    with pytest.raises(InputError, match="of which nothing fits"):
        finetune(train, test, "random:resnet18", out=tmp_path / "no", init_from=learned)


def test_fresh_networks_have_nothing_to_probe(digits, tmp_path):
    with pytest.raises(InputError, match="--unfreeze: expected a network that has learned"):
        finetune(*digits, "random:convnet4", unfreeze="lp-ft", settings=SETTINGS, out=tmp_path / "run")


def test_a_record_of_the_probe_is_read_with_care(tmp_path):
    Probe(0.1, None, 0.5).write(tmp_path)
    assert Probe.read(tmp_path) == Probe(0.1, None, 0.5)
    (tmp_path / "probe.json").write_text('{"penalty": "x", "cv_accuracy": 0.5, "accuracy": 0.5}')
    with pytest.raises(InputError, match="penalty"):
        Probe.read(tmp_path)
