"""A memory in a file goes on as the one that was not written would have."""

from pathlib import Path

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.core.storage import save_tensors
from regard.lifelong.memory import Memory, Rule
from regard.lifelong.memory_files import load_memory, save_memory


def held(memory: Memory) -> list[tuple]:
    return [(one.item.tolist(), one.label, one.id, one.rank, one.nbytes) for one in memory.kept]


@pytest.mark.parametrize("rule", ["reservoir", "balanced", "herding"])
@pytest.mark.parametrize("labels", [[0, 1, 2, 1], ["b", "a", "c", "a"]])
def test_it_goes_on_alike(rule: Rule, labels: list, tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    y, ids = np.resize(labels, 40), [f"i{row}" for row in range(40)]
    one = Memory(500, rule, seed=3)
    one.add(X[:25], y[:25], ids=ids[:25])
    save_memory(tmp_path / "m.safetensors", one)
    other = load_memory(tmp_path / "m.safetensors")
    assert held(one) == held(other) and len(one) > 3 and one.nbytes == other.nbytes
    for memory in (one, other):
        memory.remove(ids[:5])
        memory.add(X[25:], y[25:], ids=ids[25:])
    assert held(one) == held(other) and one.seen == other.seen == 40
    assert [two.id for two in one.draw(4)] == [two.id for two in other.draw(4)]
    save_memory(tmp_path / "again.safetensors", one)
    assert held(load_memory(tmp_path / "again.safetensors")) == held(other)


def test_an_empty_one_and_what_is_none(tmp_path: Path) -> None:
    save_memory(tmp_path / "m.safetensors", Memory(0))
    assert len(load_memory(tmp_path / "m.safetensors")) == 0
    save_tensors(tmp_path / "other.safetensors", {}, {"a": "b"}, seal=True)
    with pytest.raises(InputError, match="a memory, as save_memory writes it"):
        load_memory(tmp_path / "other.safetensors")
    save_tensors(tmp_path / "half.safetensors", {}, {"memory": '{"budget": 1, "rule": "reservoir"}'}, seal=True)
    with pytest.raises(InputError, match="no memory"):
        load_memory(tmp_path / "half.safetensors")
    written = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(written.replace(b'\\"budget\\": 0', b'\\"budget\\": 9'))
    with pytest.raises(InputError, match="changed"):
        load_memory(tmp_path / "m.safetensors")
