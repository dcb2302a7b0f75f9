"""What a method must have is asked for where it is defined, not in the middle of a run."""

import pytest

from regard.adapt.deep.contract import DeepMethod


def test_a_method_that_learns_and_has_no_loss_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Empty learns and has no `loss`"):
        type("Empty", (DeepMethod,), {})
    assert type("Settled", (DeepMethod,), {"learns": False})().learns is False
