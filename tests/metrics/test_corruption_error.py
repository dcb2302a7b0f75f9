import numpy as np
import pytest

from regard.core.checks import InputError
from regard.metrics.corruption_error import mean_corruption_error


def test_it_is_the_papers_mean_of_ratios():
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(15)]
    ours, other = ({name: rng.uniform(0.3, 0.9, 5) for name in names} for _ in range(2))
    plain = [sum(ours[c][s] for s in range(5)) / sum(other[c][s] for s in range(5)) for c in names]
    assert mean_corruption_error(ours, other) == pytest.approx(sum(plain) / 15)
    assert mean_corruption_error(other, other) == pytest.approx(1)
    more = [sum(ours[c][s] - 0.1 for s in range(5)) / sum(other[c][s] - 0.25 for s in range(5)) for c in names]
    assert mean_corruption_error(ours, other, clean=0.1, baseline_clean=0.25) == pytest.approx(sum(more) / 15)
    assert mean_corruption_error(ours) == pytest.approx(np.mean([ours[c] for c in names]))
    assert mean_corruption_error(ours, clean=0.1) == pytest.approx(np.mean([ours[c] for c in names]) - 0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (({},), "^errors: "),
        (({"fog": [1.2]},), "^errors: "),
        (({"fog": []},), "^errors: "),
        (({"fog": [np.nan]},), "^errors: "),
        (({"fog": [0.1]}, {"snow": [0.1]}), "^baseline: "),
        (({"fog": [0.1]}, {"fog": [0.1, 0.2]}), "^baseline: "),
        (({"fog": [0.1]}, {"fog": [0.0]}), "^baseline: .* no mistakes under fog"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        mean_corruption_error(*given)


def test_clean_errors_go_together():
    one = {"fog": [0.4]}
    with pytest.raises(InputError, match="^baseline_clean: "):
        mean_corruption_error(one, one, clean=0.1)
    with pytest.raises(InputError, match="^baseline_clean: "):
        mean_corruption_error(one, clean=0.1, baseline_clean=0.1)
    with pytest.raises(InputError, match="no mistakes more than on clean pictures under fog"):
        mean_corruption_error(one, one, clean=0.1, baseline_clean=0.4)
    with pytest.raises(InputError, match="^clean: "):
        mean_corruption_error(one, clean=1.5)
