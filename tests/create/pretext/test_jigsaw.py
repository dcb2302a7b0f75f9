"""Jigsaw: exact codes of orders, tiles that lie where they should, puzzles that are learnt."""

from collections import Counter
from itertools import combinations, permutations, product

import numpy as np
import pytest
import torch

from regard.core.checks import InputError
from regard.core.runtime import torch_rng
from regard.create.pretext import jigsaw
from regard.create.pretext._permutations import least_distance, left_by, orders
from regard.create.pretext.jigsaw import Method, mean_colours, tiles
from regard.create.run import train
from regard.data.builtin import builtin
from regard.learning.batch import Batch
from regard.learning.settings import TrainSettings


@pytest.mark.parametrize(("name", "size", "distance"), [("72", 72, 8), ("504", 504, 7), ("1512", 1512, 6)])
def test_exact_codes_have_their_size_and_least_distance(name: str, size: int, distance: int) -> None:
    found = orders(name)
    assert found.shape == (size, 9) and len({tuple(row) for row in found.tolist()}) == size
    assert (np.sort(found, axis=1) == np.arange(9)).all()
    assert least_distance(found) == distance


@pytest.mark.parametrize("name", ["72", "504", "1512"])
def test_exact_codes_are_groups(name: str) -> None:
    found = orders(name)
    known = {tuple(row) for row in found.tolist()}
    rng = np.random.default_rng(0)
    for a, b in rng.integers(len(found), size=(200, 2)):
        assert tuple(found[a][found[b]].tolist()) in known
    assert tuple(range(9)) in known


@pytest.mark.parametrize("name", ["72", "504", "1512", "greedy:60", Method().permutations])
@pytest.mark.parametrize("tiles", [1, 2, 3])
def test_how_many_orders_some_tiles_leave_is_that_of_slow_plain_counting(name: str, tiles: int) -> None:
    known = orders(name).tolist()
    left = [
        number
        for places in combinations(range(9), tiles)
        for number in Counter(tuple(row[place] for place in places) for row in known).values()
    ]
    assert left_by(orders(name), tiles) == (min(left), max(left))


def test_by_default_two_tiles_do_not_name_the_order_wherever_they_lie() -> None:
    lies = orders(Method().permutations)[:, :, None] == np.arange(9)  # (P, place, tile)
    left = np.einsum("pai,pbj->abij", lies.astype(int), lies.astype(int))
    for (a, b), (i, j) in product(permutations(range(9), 2), repeat=2):
        if left[a, b, i, j] != 7:
            pytest.fail(f"tiles {i}, {j} at {a}, {b} leave {left[a, b, i, j]} orders")
    assert left_by(orders("72"), 2) == (1, 1) and left_by(orders("1512"), 3) == (3, 3)


def test_greedy_codes_differ_more_than_drawn_ones() -> None:
    greedy = orders("greedy:40")
    rng = np.random.default_rng(0)
    drawn = np.array([rng.permutation(9) for _ in range(40)])
    assert len({tuple(row) for row in greedy.tolist()}) == 40
    assert least_distance(greedy) > least_distance(drawn)


@pytest.mark.parametrize("name", ["73", "greedy", "greedy:1", "greedy:x", "greedy:9999"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="permutations: expected 72, 504, 1512, or greedy:N"):
        Method(permutations=name)


def test_each_tile_comes_from_its_own_cell() -> None:
    side = 85 * 3
    row = torch.arange(side).float()
    x = torch.stack([row[:, None].expand(side, side), row.expand(side, side), torch.zeros(side, side)])[None]
    found = tiles(x, torch_rng(0))[0]
    assert found.shape == (9, 3, 64, 64)
    for k in range(9):
        top, left = found[k, 0, 0, 0].item(), found[k, 1, 0, 0].item()
        assert 85 * (k // 3) <= top <= 85 * (k // 3) + 21 and 85 * (k % 3) <= left <= 85 * (k % 3) + 21
        assert found[k, 0, -1, 0] - found[k, 0, 0, 0] == 63  # nothing is resampled


def test_the_answer_says_how_the_tiles_were_laid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jigsaw, "standardised", lambda patches: patches)
    numbers = torch.arange(9.0).reshape(1, 1, 3, 3).expand(6, 3, 3, 3) / 9
    x = torch.nn.functional.interpolate(numbers, size=(90, 90), mode="nearest")
    inputs, laid = Method(recipe="none", gray=0.0).prepare(Batch(x, torch.arange(6), held_out=True), torch_rng(1))
    shown = (inputs.mean((1, 2, 3)) * 9).round().long().reshape(6, 9)
    assert shown.tolist() == orders(Method().permutations)[laid.numpy()].tolist() and len(set(laid.tolist())) > 3


def test_statistics_of_tiles_tell_nothing() -> None:
    task = Method(recipe="none")
    x = mean_colours(torch.rand(4, 3, 48, 48, generator=torch_rng(0)), torch_rng(0))
    inputs, _ = task.prepare(Batch(x, torch.arange(4), held_out=True), torch_rng(1))
    assert (inputs - 0.5).abs().max() < 1e-3


@pytest.mark.slow
def test_puzzles_of_held_out_digits_are_solved(tmp_path) -> None:
    settings = TrainSettings(steps=150, batch=32, precision="fp32", eval_every=150)
    made = train(builtin("digits").without_labels(), "jigsaw", out=tmp_path / "run", settings=settings, size=32)
    scores = made.card["scores"]
    assert scores["chance"] == 1 / 504 and scores["shuffled_p_value"] > 1e-6
    # 0.2 over seeds and instruction sets; by the colours one or none of 180
    assert scores["accuracy"] > 0.05 > scores["mean_colours_accuracy"]
