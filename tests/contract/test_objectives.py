"""What holds for every task, found by its file name."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.core.discover import load, names, summary
from regard.core.runtime import torch_rng
from regard.create.objective import Batch, Known, Pupil, method_settings, setting_names
from regard.data.imageset import ImageSet

TASKS = names("task")
SIDE, N = 32, 16


def images(n: int = N, start: int = 0) -> ImageSet:
    rng = np.random.default_rng(start)
    items = [rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(n)]
    return ImageSet(items, np.array([f"{start}-{i}" for i in range(n)]), np.array(["even", "odd"] * (n // 2)))


def fitted(task: str):
    method = load("task", task)()
    known = Known(images(), images(8, 1), False)
    return method.fitted_to(known) if hasattr(method, "fitted_to") else method


def batch(held_out: bool = False) -> Batch:
    pixels = torch.stack([torch.from_numpy(item).permute(2, 0, 1) for item in images().items])
    return Batch(pixels.float() / 255, torch.arange(N), torch.arange(N) % 2, held_out)


def pupil(task: str) -> Pupil:
    encoder = make_encoder("convnet4", size=SIDE)
    objective = fitted(task)
    return Pupil(objective, encoder, objective.head(encoder))


@pytest.mark.parametrize("task", TASKS)
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
    game, given = pupil(task), batch(held_out)
    before, state = given.images.clone(), torch.random.get_rng_state()
    first, second = (game.puzzle(given, torch_rng(3, "views")) for _ in range(2))
    assert torch.equal(first[0], second[0]) and first[0].min() >= 0 and first[0].max() <= 1
    assert torch.equal(given.images, before) and torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("task", TASKS)
def test_the_loss_is_a_number_whose_gradient_reaches_the_encoder_and_the_head(task: str) -> None:
    game = pupil(task)
    loss, log = game(game.players()[0].name, batch(), torch_rng(0, "views"))
    assert loss.ndim == 0 and torch.isfinite(loss) and all(np.isfinite(float(value)) for value in log.values())
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in game.parameters())
    assert any(p.grad.abs().sum() > 0 for p in game.encoder.parameters())


@pytest.mark.parametrize("task", TASKS)
def test_there_are_answers_for_each_held_out_image(task: str) -> None:
    game = pupil(task).eval()
    with torch.no_grad():
        right = game.answers(batch(held_out=True), torch_rng(0, "views"))
    assert right.ndim == 2 and len(right) == N and set(right.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("task", TASKS)
def test_previews_are_pictures_with_captions(task: str) -> None:
    shown = fitted(task).preview(batch().images[:3], torch_rng(0, "preview"))
    assert len(shown) >= 3
    for caption, pixels in shown:
        assert caption and pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


@pytest.mark.parametrize("task", TASKS)
def test_shortcuts_keep_the_form_of_images(task: str) -> None:
    objective, x = fitted(task), batch().images
    controls = objective.shortcuts() if hasattr(objective, "shortcuts") else {}
    for change in controls.values():
        changed = change(x, torch_rng(0, "shortcut"))
        assert changed.shape == x.shape and not torch.equal(changed, x)
        assert 0 <= changed.min() and changed.max() <= 1
