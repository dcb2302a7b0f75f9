from pathlib import Path

import pytest
import torch
from torch import nn

from regard.learning import precision as autoprecision
from regard.learning.precision import settle_precision
from regard.learning.trainable import Trainable


class Small(Trainable):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, 1))

    def forward(self, at, batch, generator):
        return self.net(batch).square().mean(), {}


def test_measured_once_for_a_network_and_then_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path))
    asked: list[str] = []

    def pick(name: str, device: str, step=None) -> str:
        asked.append(name)
        step()
        return "bf16"

    monkeypatch.setattr(autoprecision, "pick_precision", pick)
    game, batch = Small(), torch.rand(8, 3)
    before = {name: value.clone() for name, value in game.state_dict().items()}
    state = torch.random.get_rng_state()
    assert [settle_precision("auto", "cpu", game, lambda: batch) for _ in range(2)] == ["bf16", "bf16"]
    assert asked == ["auto"]
    assert all(torch.equal(before[name], value) for name, value in game.state_dict().items()), "timed on a copy"
    assert torch.equal(state, torch.random.get_rng_state())
    settle_precision("auto", "cpu", Small(5), lambda: batch)
    settle_precision("auto", "cpu", game, lambda: torch.rand(9, 3))
    assert len(asked) == 3, "another network or batch is another question"


def test_several_processes_on_processors_use_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert settle_precision("auto", "cpu", Small(), lambda: torch.rand(8, 3)) == "fp32"
    assert settle_precision("bf16", "cpu", Small(), lambda: torch.rand(8, 3)) == "bf16"


@pytest.mark.parametrize(("steps", "timed"), [(49, False), (50, True), (None, True)])
def test_a_short_run_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps, timed) -> None:
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path))
    monkeypatch.setattr(autoprecision, "pick_precision", lambda name, device, step=None: "bf16")
    found = settle_precision("auto", "cpu", Small(), lambda: torch.rand(8, 3), steps)
    assert (found, (tmp_path / "precision").exists()) == (("bf16", True) if timed else ("fp32", False))
    assert settle_precision("bf16", "cpu", Small(), lambda: torch.rand(8, 3), steps) == "bf16", "asked for is given"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b"\xff", b'{"precision": "bf17"}', b'{"precision": null}'])
def test_what_is_remembered_and_damaged_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path))
    asked: list[str] = []
    monkeypatch.setattr(autoprecision, "pick_precision", lambda name, device, step=None: asked.append(name) or "fp32")
    game, batch = Small(), torch.rand(8, 3)
    settle_precision("auto", "cpu", game, lambda: batch)
    (path,) = (tmp_path / "precision").iterdir()
    path.write_bytes(damage)
    assert [settle_precision("auto", "cpu", game, lambda: batch) for _ in range(2)] == ["fp32", "fp32"]
    assert len(asked) == 2
