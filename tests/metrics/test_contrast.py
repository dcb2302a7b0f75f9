"""Differences against plain computations, by how often they are wrong, and by how often they see what is there."""

import numpy as np
import pytest
from scipy import stats

from regard.core.checks import InputError
from regard.metrics.contrast import VERDICTS, Difference, contrast
from regard.metrics.intervals import accuracy_interval


def student(values):
    return stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))


def test_over_units_alone_it_is_student_of_paired_differences():
    rng = np.random.default_rng(0)
    hard = rng.random(60) / 2
    a, b = hard + 0.1 + 0.05 * rng.normal(size=60), hard
    found = contrast(a, b)
    assert (found.low, found.high) == pytest.approx(student(a - b), abs=0.005) and found.n == 60 and found.draws == 0
    assert found.verdict == "gain" and contrast(b, a).verdict == "loss"
    turned = contrast(b, a).negated()
    assert (turned.low, turned.mean, turned.high) == pytest.approx((found.low, found.mean, found.high))


def test_of_cross_validation_it_is_nadeau_and_bengios_corrected_interval():
    """Their variance of J models, each asked about n / K units: (1 / J + n_asked / n_learned) of the models' own."""
    rng = np.random.default_rng(4)
    units, cuts, folds = 90, 5, 3
    a, b = rng.normal(0.3, 0.1, size=(cuts, units)), np.zeros((cuts, units))
    of_a_model = np.mean(a.var(axis=1, ddof=1)) / (units / folds)
    half = stats.t.ppf(0.975, units - 1) * np.sqrt((1 / (cuts * folds) + 1 / (folds - 1)) * of_a_model)
    found = contrast(a, b, folds=folds)
    assert found.half_width == pytest.approx(half, abs=2e-3) and found.mean == pytest.approx(a.mean())
    assert found.half_width > 1.5 * contrast(a.mean(axis=0), b.mean(axis=0)).half_width
    with pytest.raises(InputError, match="folds"):
        contrast(a, b, folds=3, halves=True)
    with pytest.raises(InputError, match="folds"):
        contrast(a, b, folds=1)


def test_over_seeds_alone_it_is_student_of_the_seeds():
    """Where all units have the same difference only seeds vary."""
    rng = np.random.default_rng(1)
    means = rng.normal(0.1, 0.05, size=6)
    a = 0.5 + np.repeat(means[:, None], 40, axis=1) + 1e-9 * rng.random((6, 40))
    found = contrast(a, np.full((6, 40), 0.5))
    assert (found.low, found.high) == pytest.approx(student(means), abs=2e-3) and found.draws == 6
    welch = contrast(a, a[:4] - 0.1, paired=False)
    sides = [means.var(ddof=1) / 6, means[:4].var(ddof=1) / 4]
    freedom = sum(sides) ** 2 / (sides[0] ** 2 / 5 + sides[1] ** 2 / 3)
    assert welch.half_width == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(sum(sides)), abs=2e-3)
    # a single run borrows the spread of the others
    lone = contrast(np.full((1, 40), 0.7), a)
    assert lone.half_width == pytest.approx(stats.t.ppf(0.975, 5) * means.std(ddof=1) * np.sqrt(1 + 1 / 6), abs=2e-3)
    # and a way in which nothing is drawn does not
    fixed = contrast(np.full(40, 0.7), a)
    assert fixed.half_width == pytest.approx(stats.t.ppf(0.975, 5) * means.std(ddof=1) / np.sqrt(6), abs=2e-3)


def test_draws_that_share_data_make_it_wider():
    rng = np.random.default_rng(2)
    a = np.repeat(rng.normal(0.6, 0.05, size=(8, 1)), 500, axis=1) + 1e-9 * rng.random((8, 500))
    b = np.full((8, 500), 0.5)
    own, shared = contrast(a, b).half_width, contrast(a, b, share=0.8).half_width
    assert shared == pytest.approx(own * np.sqrt(1 + 8 * 0.8 / 0.2), rel=5e-3)
    halves = contrast(a, b, halves=True)
    h = (a[0::2, 0] - a[1::2, 0]) / 2
    between = (a[0::2, 0] + a[1::2, 0]).var(ddof=1) / 4 / 4
    wanted = np.sqrt(stats.t.ppf(0.975, 4) ** 2 * np.mean(h**2) + stats.t.ppf(0.975, 3) ** 2 * between)
    assert halves.half_width == pytest.approx(wanted, rel=5e-3)

    # from eight pairs on, half of what pairs differ by is taken off, and never more than half of the rest
    many = np.repeat(rng.normal(0.6, 0.05, size=(20, 1)), 500, axis=1) + 1e-9 * rng.random((20, 500))
    h, means = (many[0::2, 0] - many[1::2, 0]) / 2, (many[0::2, 0] + many[1::2, 0]) / 2
    wanted = max(np.mean(h**2) / 2, np.mean(h**2) - means.var(ddof=1) / 2)
    found = contrast(many, np.full((20, 500), 0.5), halves=True)
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 10) * np.sqrt(wanted), rel=5e-3)
    # pairs that share a seed: what seeds differ by is added instead
    seeds = contrast(many, np.full((20, 500), 0.5), halves=True, own_seeds=2)
    by_seed = means.reshape(5, 2).mean(axis=1).var(ddof=1) / 5
    wanted = stats.t.ppf(0.975, 10) ** 2 * np.mean(h**2) + stats.t.ppf(0.975, 4) ** 2 * by_seed
    assert seeds.half_width == pytest.approx(np.sqrt(wanted), rel=5e-3)


def test_draws_that_every_seed_met_are_counted():
    rng = np.random.default_rng(3)
    ahead = rng.normal(0.1, 0.05, size=(1, 5, 1))  # in some draws more than in others, for all seeds
    a = 0.5 + ahead + 0.01 * rng.normal(size=(4, 5, 80))
    b = 0.5 + 0.01 * rng.normal(size=(4, 5, 80))
    narrow = contrast(a.mean(axis=1), b.mean(axis=1), paired=False)
    wide = contrast(a, b, paired=False)
    assert wide.mean == pytest.approx(narrow.mean) and wide.half_width > 5 * narrow.half_width


def test_things_count_with_all_their_images_and_no_ratio_leaves_the_range():
    for sizes in ([1] * 15 + [20] * 5, [1] * 9 + [100], [2] * 10 + [30] * 2):
        units = np.repeat([f"thing {k}" for k in range(len(sizes))], sizes)
        found = contrast(np.ones(len(units)), np.zeros(len(units)), units)
        assert found.mean == pytest.approx(1) and -1 <= found.low < 1 == found.high and found.n == len(sizes)
    rng = np.random.default_rng(4)
    units = np.repeat(np.arange(30), 10)
    per_unit = np.repeat(rng.integers(0, 2, 30), 10).astype(float)
    by_unit, by_image = contrast(per_unit, np.zeros(300), units), contrast(per_unit, np.zeros(300))
    assert by_unit.mean == pytest.approx(by_image.mean) and by_unit.half_width > 2.5 * by_image.half_width
    gaps = np.where(np.arange(300) < 100, np.nan, per_unit)
    assert contrast(gaps, np.zeros(300), units).n == 20


@pytest.mark.parametrize("largest", [1.0, 4.0])
def test_scores_without_spread_and_on_another_scale(largest):
    flat = contrast(np.full(20, 0.3) * largest, np.full(20, 0.1) * largest, largest=largest)
    assert flat.mean == pytest.approx(0.2 * largest) and 0.005 < flat.half_width / largest < 0.1
    ones = np.ones(30) * largest
    moved = np.r_[ones[1:], 0.8 * largest]
    assert contrast(ones, moved, largest=largest).half_width > 0.9 * contrast(ones, ones, largest=largest).half_width


def test_units_without_a_value_are_things_of_their_own():
    units = np.array(["a"] * 10 + [""] * 5 + [None] * 5, dtype=object)
    rng = np.random.default_rng(0)
    assert contrast(rng.random(20), rng.random(20), units).n == 11
    columns = np.where(np.arange(50) < 10, 1.0, np.nan)
    assert accuracy_interval(columns) == accuracy_interval(np.ones(10))


def test_few_units_never_leave_an_interval_without_width():
    for n in (5, 20, 80):
        for a, b in ((np.ones(n), np.ones(n)), (np.ones(n), np.zeros(n)), (np.ones((4, n)), np.ones((4, n)))):
            found = contrast(a, b)
            assert found.high - found.low > 1 / (n + 2)


@pytest.mark.parametrize("n", [5, 20, 100])
@pytest.mark.parametrize(("p", "q"), [(0.5, 0.5), (0.95, 0.9), (0.99, 0.99), (0.99, 0.7)])
def test_differences_of_right_and_wrong_are_covered(n, p, q):
    rng = np.random.default_rng(n)
    pairs = rng.random((600, 2, n)) < np.array([p, q])[:, None]
    found = [contrast(a, b) for a, b in pairs.astype(float)]
    assert np.mean([one.low <= p - q <= one.high for one in found]) > 0.92


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_arms_that_are_alike_are_rarely_told_apart(seeds, spread):
    """.07 is the bar of bench/verdicts.py; here four standard errors of 400 trials above .05."""
    rng = np.random.default_rng(seeds)
    wrong = []
    for _ in range(400):
        hard = rng.normal(size=200)
        a, b = (
            hard + spread * rng.normal(size=(seeds, 1)) + 0.5 * rng.normal(size=(seeds, 200)) > -0.8 for _ in range(2)
        )
        wrong.append(contrast(a, b, paired=False).verdict in ("gain", "loss"))
    assert np.mean(wrong) < 0.095


def test_verdicts():
    assert Difference(0.1, 0.0, 0.2, 9).verdict == "no gain"
    assert contrast([1.0], [0.0]).verdict == contrast([1, 1, 0], [1, 0, 0]).verdict == "too few to say"
    one_seed = contrast(np.ones((1, 50)), np.zeros((1, 50)))
    assert one_seed.verdict == "too few to say" and not one_seed.known
    assert contrast(np.ones((2, 50)), np.ones((2, 50))).verdict == "too few to say"
    assert contrast(np.ones((2, 50)), np.zeros((2, 50))).verdict == "gain"
    assert contrast([0.5, 0.51], [0.1, 0.1]).verdict == "too few to say"
    assert VERDICTS == ("gain", "loss", "no gain", "too few to say")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: contrast([1, 2], [1]), "a, b"),
        (lambda: contrast([], []), "a"),
        (lambda: contrast([np.inf, 1], [1, 1]), "a"),
        (lambda: contrast(np.full((2, 3), np.nan), np.ones((2, 3))), "a"),
        (lambda: contrast(np.ones((2, 3)), np.ones((3, 3))), "a, b"),
        (lambda: contrast(np.ones((3, 3)), np.ones((3, 3)), halves=True), "halves"),
        (lambda: contrast(np.ones((3, 3)), np.ones((3, 3)), share=1.5), "share"),
        (lambda: contrast(np.ones((3, 3)), np.ones((3, 3)), share=1), "share"),
        (lambda: accuracy_interval(np.ones((3, 9)), halves=True), "halves"),
        (lambda: contrast(np.ones(3), np.ones(3), [1, 2]), "units"),
    ],
)
def test_bad_input_names_the_argument(call, named):
    with pytest.raises(InputError, match=f"^{named}: expected"):
        call()


def test_things_of_many_images_are_not_taken_to_differ_whole_where_none_does() -> None:
    # 40 things of 10 images; in three of them one answer is another: one more thing will hardly differ in all ten
    a, b, of = np.ones(400), np.ones(400), np.repeat(np.arange(40), 10)
    b[[5, 105, 205]] = 0
    assert contrast(a, b, of).half_width < 0.5 * contrast(a[::10], 1 - np.eye(40)[0]).half_width
    # where nothing differs at all, one more thing might do so in all of its images
    assert contrast(a, a, of).half_width == pytest.approx(contrast(a[:40], a[:40]).half_width)
