from dataclasses import dataclass, field
from typing import Literal

import pytest
import torch

from regard.core.checks import InputError
from regard.learning import method_settings as module
from regard.learning.divergence import spread
from regard.learning.method_settings import method_settings, setting_names
from regard.learning.objective import FROM_DATA
from regard.learning.preview import picture


@dataclass(frozen=True)
class Task:
    share: float = 0.5
    count: int = 3
    on: bool = False
    kind: Literal["a", "b"] = "a"
    classes: tuple[str, ...] = field(default=(), metadata=FROM_DATA)


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load", lambda kind, name: Task)


def test_text_becomes_the_type_of_its_field() -> None:
    given = {"share": "1e-2", "count": "7", "on": "True", "kind": "b"}
    assert method_settings("task", given) == {"share": 0.01, "count": 7, "on": True, "kind": "b"}
    assert method_settings("task", {"share": 0.3}) == {"share": 0.3}, "values stay as they are"
    assert method_settings("task") == {} and setting_names(Task) == ["share", "count", "on", "kind"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("shore", "1", "Did you mean 'share'"),
        ("classes", "a", "--set: expected one of share, count, on, kind"),
        ("share", "much", "--set share: expected a number, got 'much'"),
        ("count", "1.5", "--set count: expected a whole number, got '1.5'"),
        ("on", "yes", "--set on: expected one of true, false"),
        ("kind", "c", "--set kind: expected one of a, b"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        method_settings("task", {name: text})


def test_spread_is_one_for_vectors_in_all_directions_and_nothing_for_one_vector() -> None:
    z = torch.randn(4000, 32, generator=torch.Generator().manual_seed(0))
    assert float(spread(z)) == pytest.approx(1, abs=0.02)
    unit = z / z.norm(dim=1, keepdim=True)
    assert float(spread(5 * z)) == pytest.approx(float(unit.std(0).mean() * 32**0.5), rel=1e-5)
    assert float(spread(torch.ones(10, 32) + 1e-4 * z[:10])) < 1e-3


def test_pictures_are_rounded_bytes() -> None:
    x = torch.tensor([[[0.0, 0.5]], [[1.0, 2.0]], [[-1.0, 0.25]]])
    assert picture(x).tolist() == [[[0, 255, 0], [128, 255, 64]]]
