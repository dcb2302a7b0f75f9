"""What holds for every task, found by its file name."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.discover import load, names, summary
from regard.core.runtime import seeded_init, torch_rng
from regard.core.storage import read_json
from regard.create.run import train_events
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.batches import Feed
from regard.learning.method_settings import method_settings, setting_names
from regard.learning.module import LearningModule
from regard.learning.objective import Objective, Split, objectives
from regard.learning.settings import TrainSettings
from regard.learning.trainable import START, Moment
from regard.lifelong.unlabelled.methods.pfr import Method as PFR
from regard.lifelong.unlabelled.module import Remembering
from regard.representation.preprocess import Preprocess

TASKS = objectives()
FITTED = sorted(set(names("task")) - set(TASKS))  # what holds for these is below
SIDE, N = 32, 16


def images(n: int = N, start: int = 0) -> ImageSet:
    rng = np.random.default_rng(start)
    items = [rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(n)]
    return ImageSet(items, np.array([f"{start}-{i}" for i in range(n)]), np.array(["even", "odd"] * (n // 2)))


def example(task: str) -> tuple[str, int]:
    """A small network that the task admits, and the side of its input."""
    return load("task", task).example_backbone


def fitted(task: str):
    method = load("task", task)()
    known = Split(images(), images(8, 1), False)
    return method.configure(known)


def batch(held_out: bool = False, side: int = SIDE) -> Batch:
    pixels = torch.stack([torch.from_numpy(item).permute(2, 0, 1) for item in images().items]).float() / 255
    if side != SIDE:
        pixels = torch.nn.functional.interpolate(pixels, size=(side, side))
    return Batch(pixels, torch.arange(N), torch.arange(N) % 2, held_out)


def pupil(task: str) -> LearningModule:
    """The game before its first step: what an epoch begins with has been done."""
    name, side = example(task)
    encoder = make_encoder(name, size=side)
    objective = fitted(task)
    with seeded_init(0):
        game = LearningModule(objective, encoder, objective.head(encoder))
    game.follow(Feed(images(), Preprocess(side, side), classes=["even", "odd"]), 0)
    game.before_step(START)
    return game


def tensors(value) -> list[torch.Tensor]:
    """All tensors in a tensor, a tuple of them, or None."""
    if torch.is_tensor(value):
        return [value]
    return [part for one in value or () for part in tensors(one)]


@pytest.mark.parametrize("task", names("task"))
def test_settings_are_a_frozen_dataclass_that_text_can_set(task: str) -> None:
    method = load("task", task)
    assert is_dataclass(method) and method.__dataclass_params__.frozen
    assert all(method.__doc__ and f"{name}:" in method.__doc__ for name in setting_names(method)), "each is explained"
    as_text = {f.name: str(f.default) for f in fields(method) if f.name in setting_names(method)}
    assert method(**method_settings(task, as_text)) == method()
    assert summary("task", task).endswith((".", "?", ")."))


@pytest.mark.parametrize("task", TASKS)
def test_chance_is_a_share(task: str) -> None:
    assert 0 < fitted(task).chance < 1


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("held_out", [False, True])
def test_the_puzzle_comes_from_the_generator_alone_and_leaves_the_batch(task: str, held_out: bool) -> None:
    game, given = pupil(task), batch(held_out, example(task)[1])
    before, state = given.images.clone(), torch.random.get_rng_state()
    first, second = (game.prepared(given, torch_rng(3, "views")) for _ in range(2))
    pairs = list(zip(tensors(first[0]) + tensors(first[1]), tensors(second[0]) + tensors(second[1])))
    assert pairs and all(torch.equal(a, b) for a, b in pairs)
    assert all(torch.isfinite(part).all() for part in tensors(first[0]))
    assert torch.equal(given.images, before) and torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("task", TASKS)
def test_the_loss_of_each_player_is_a_number_whose_gradient_reaches_all_that_it_moves(task: str) -> None:
    game, reached = pupil(task), False
    for player in game.players():
        game.zero_grad()
        loss, log = game(Moment(player=player.name), batch(side=example(task)[1]), torch_rng(0, "views"))
        assert loss.ndim == 0 and torch.isfinite(loss) and all(np.isfinite(float(value)) for value in log.values())
        loss.backward()
        moved = [p for p in player.parameters if p.requires_grad]
        assert moved and all(p.grad is not None and torch.isfinite(p.grad).all() for p in moved)
        own = {id(p) for p in moved}
        reached |= any(id(p) in own and p.grad.abs().sum() > 0 for p in game.encoder.parameters())
    assert reached, "no player teaches the encoder"


@pytest.mark.parametrize("task", TASKS)
def test_a_small_step_against_the_gradient_lowers_the_loss_by_what_the_gradient_says(task: str) -> None:
    """On the same puzzle, with the same draws and state: whatever a task learns, it learns by this."""
    game, given = pupil(task), batch(side=example(task)[1])
    for player in game.players():
        game(Moment(player=player.name), given, torch_rng(0, "views"))  # running scales and statistics are set
        state = {name: value.clone() for name, value in game.state_dict().items()}

        def loss(player=player, state=state) -> torch.Tensor:
            for name, value in game.named_buffers():
                value.copy_(state[name]) if name in state else None
            with seeded_init(1):  # dropout
                return game(Moment(player=player.name), given, torch_rng(0, "views"))[0]

        game.zero_grad()
        before = loss()
        before.backward()
        moved = [p for p in player.parameters if p.grad is not None]
        squared = sum(float(p.grad.double().square().sum()) for p in moved)
        falls = []
        # the largest step at which the loss is still a straight line, found by halving
        for share in 2e-2 * 0.5 ** np.arange(8):
            step = share * float(before.detach().abs()) / squared
            with torch.no_grad():
                for p in moved:
                    p -= step * p.grad
                falls.append(float(before.detach() - loss()) / (step * squared))
                for p in moved:
                    p += step * p.grad
        assert min(np.abs(np.array(falls) - 1)) < 0.2, (player.name, falls)


@pytest.mark.parametrize("task", TASKS)
def test_held_out_images_get_answers_that_are_right_or_wrong(task: str) -> None:
    game = pupil(task).eval()
    given = batch(held_out=True, side=example(task)[1])
    with torch.no_grad():
        blinded = game.objective.blinded()
        for altered in (None, game.objective.shuffled, *blinded.values()):
            right = game.answers(given, torch_rng(0, "views"), altered)
            assert right.ndim == 2 and 0 < len(right) <= N and set(right.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("task", TASKS)
def test_previews_are_pictures_with_captions_before_and_after(task: str) -> None:
    game, given = pupil(task).eval(), batch(side=example(task)[1]).images[:3]
    with torch.no_grad():
        shown = game.objective.preview(given, torch_rng(0, "preview"))
        answered = game.objective.preview(given, torch_rng(0, "preview"), game.encoder, game.head)
    assert len(shown) >= 3 and len(answered) >= 3
    assert [caption for caption, _ in shown] != [caption for caption, _ in answered], "the answer is told"
    for caption, pixels in (*shown, *answered):
        assert caption and pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


@pytest.mark.parametrize("task", TASKS)
def test_a_run_that_is_stopped_and_goes_on_ends_in_the_same_numbers(task: str, tmp_path) -> None:
    backbone, side = example(task)
    given = ImageSet(images(40).items, images(40).ids, images(40).labels)
    settings = TrainSettings(steps=8, batch=8, checkpoint_steps=5, checkpoint_seconds=1e9, precision="fp32", threads=1)
    ends = []
    for name in ("whole", "stopped"):
        options = {"backbone": backbone, "size": side, "settings": settings, "holdout": 0.2, "out": tmp_path / name}
        events = train_events(given, task, **options)
        for event in events:
            if name == "stopped" and event.kind == "checkpoint" and event.step == 5:
                break
        events.close()
        if name == "stopped":
            assert not (tmp_path / name / "card.json").exists()
        last = [event for event in train_events(given, task, **options) if event.kind == "done"][-1]
        ends.append((last.values["accuracy"], (tmp_path / name / "model.safetensors").read_bytes()))
        card = read_json(tmp_path / name / "card.json")
        main = load("task", task).main
        assert card["scores"]["effective_rank"] > 0 and 0 <= card["scores"][f"shuffled_{main}"] <= 1
        assert (tmp_path / name / "answers.png").stat().st_size > 1000
    assert ends[0] == ends[1]


@pytest.mark.parametrize("task", TASKS)
def test_shortcuts_keep_the_form_of_images(task: str) -> None:
    objective, x = fitted(task), batch(side=example(task)[1]).images
    controls = objective.shortcuts()
    for change in controls.values():
        changed = change(x, torch_rng(0, "shortcut"))
        assert changed.shape == x.shape and not torch.equal(changed, x)
        assert 0 <= changed.min() and changed.max() <= 1


@pytest.mark.parametrize("task", TASKS)
def test_a_task_with_vectors_says_how_those_of_another_network_are_foretold(task: str) -> None:
    game = pupil(task)
    embedder = game.objective.embedder(game.head)
    predicted, given = (torch.randn(8, 6, generator=torch_rng(0, name)).requires_grad_() for name in ("one", "other"))
    if embedder is None:
        with pytest.raises(TypeError, match="embedder"):
            game.objective.foretold(predicted, given)
        return
    z = embedder(game.encoder(batch(side=example(task)[1]).images))
    assert z.ndim == 2 and len(z) == N and torch.isfinite(z).all()
    loss = game.objective.foretold(predicted, given.detach())
    loss.backward()
    assert loss.ndim == 0 and loss.dtype == torch.float32 and predicted.grad.abs().sum() > 0 and given.grad is None
    assert game.objective.foretold(given, given) < loss, "least where all is foretold"


FROM_MAPS = {"colorization", "colorization_hypercolumn", "mae", "split_brain"}


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"labels"}))
def test_features_of_before_can_be_foretold_with_any_task_of_one_player_on_pooled_features(task: str) -> None:
    game = pupil(task)
    if type(game.objective).players is not Objective.players:
        return
    keeping = Remembering(game.objective, game.encoder, game.head, PFR(hidden=8), True, 0)
    step = Moment(), batch(side=example(task)[1]), torch_rng(0, "views")
    if task in FROM_MAPS:
        with pytest.raises(InputError, match=f"objective.*{task}"):
            keeping(*step)
        return
    loss, log = keeping(*step)
    loss.backward()
    assert -1 <= float(log["keeping"]) <= 1
    assert all(p.grad is not None for p in keeping.predictor.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in keeping.encoder.parameters())


@pytest.mark.parametrize("task", FITTED)
def test_what_is_fitted_hangs_on_images_and_seed_alone_and_tells_what_it_scored(task: str, tmp_path) -> None:
    settings = TrainSettings(device="cpu", threads=1)
    few = {"k": 3, "dim": 4, "scales": "4", "descriptors": 500}
    given, ends = ImageSet(images(40).items, images(40).ids), []
    state = torch.random.get_rng_state()
    for name in ("one", "again"):
        events = list(train_events(given, task, out=tmp_path / name, settings=settings, method=few))
        assert [event.kind for event in events][:1] + [events[-1].kind] == ["start", "done"]
        card = read_json(tmp_path / name / "card.json")
        assert card["task"] == {"name": task, **load("task", task)(**few).as_dict()} and card["scores"]["descriptors"]
        assert all(np.isfinite(value) for value in card["scores"].values()) and card["data"]["held_out"] > 0
        ends.append((tmp_path / name / "pooling.safetensors").read_bytes())
    assert ends[0] == ends[1] and torch.equal(state, torch.random.get_rng_state())
