import pytest
import torch

from regard.core.checks import InputError
from regard.learning.schedules import learning_rate_factor


def test_one_cycle_is_that_of_torch() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    # torch counts the first step as 0 and the last as total - 1, and so its first and last rates are at 0 and 1
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.0, total_steps=101, cycle_momentum=False)
    for step in range(101):
        ours = learning_rate_factor("one-cycle", step / 100)
        # the peak of torch's lies at 0.3 * 101 - 1 = 29.3 steps in place of 30
        assert ours == pytest.approx(optimiser.param_groups[0]["lr"], abs=0.03), step
        optimiser.step()
        theirs.step()
    assert [learning_rate_factor("one-cycle", p) for p in (0, 0.3)] == pytest.approx([1 / 25, 1.0])


def test_cosine_is_that_of_torch_after_the_warmup() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 90)
    for step in range(90):
        assert learning_rate_factor("cosine", 0.1 + step / 100, 0.1) == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        theirs.step()
    assert [learning_rate_factor("cosine", p, 0.1) for p in (0, 0.05, 1, 2)] == pytest.approx([0, 0.5, 0, 0])


def test_constant_only_warms_up_and_unknown_names_are_refused() -> None:
    assert [learning_rate_factor("constant", p, 0.2) for p in (0.1, 0.2, 1)] == pytest.approx([0.5, 1, 1])
    with pytest.raises(InputError, match="Did you mean 'cosine'"):
        learning_rate_factor("cosin", 0.5)
