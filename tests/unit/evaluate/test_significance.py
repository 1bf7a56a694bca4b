from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ucmgcn.evaluate.significance import bootstrap_means, holm, interval, paired_test


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(0).beta(2, 5, size=(400, 3))


def test_intervals_agree_with_scipy(values):
    got = interval(bootstrap_means(values, 4000, seed=1))
    for column, low, high in zip(values.T, *got, strict=True):
        expected = stats.bootstrap(
            (column,), np.mean, method="percentile", n_resamples=4000, rng=2
        ).confidence_interval
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=2e-3)


def test_intervals_cover_the_true_mean_about_95_times_in_100():
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(300):
        low, high = interval(bootstrap_means(rng.exponential(size=(80, 1)), 300, seed=trial))
        covered += low[0] <= 1.0 <= high[0]
    assert 0.88 <= covered / 300 <= 0.98


def test_draws_depend_on_the_seed_alone(values):
    once, again = bootstrap_means(values, 300, 7), bootstrap_means(values[:, :1], 300, 7)
    np.testing.assert_allclose(once[:, :1], again, rtol=1e-12)
    assert not np.array_equal(once, bootstrap_means(values, 300, 8))


def test_paired_test_agrees_with_sign_flips(values):
    ours = values[:, :1]
    theirs = ours + np.random.default_rng(4).normal(0.01, 0.1, size=ours.shape)
    alone = np.arange(len(ours))
    [got] = paired_test(ours, theirs, alone, resamples=2000, seed=0)
    difference = (ours - theirs)[:, 0]
    signs = np.random.default_rng(5).choice([-1, 1], size=(20_000, len(ours)))
    flipped = np.abs(signs @ difference / len(ours))
    assert got.p_photos == pytest.approx(np.mean(flipped >= abs(difference.mean())), abs=0.02)
    assert got.difference == pytest.approx(difference.mean())
    assert got.photos[0] < got.difference < got.photos[1]
    # Groups of one query each are the queries.
    assert got.p_groups == pytest.approx(got.p_photos)
    assert got.groups == pytest.approx(got.photos)


def test_p_values_of_equal_methods_are_uniform():
    rng = np.random.default_rng(6)
    groups = np.arange(50) % 10
    tests = [
        paired_test(rng.random((50, 1)), rng.random((50, 1)), groups, resamples=2, seed=0)[0]
        for _ in range(400)
    ]
    assert stats.kstest([test.p_photos for test in tests], "uniform").pvalue > 0.01
    assert stats.kstest([test.p_groups for test in tests], "uniform").pvalue > 0.01


def moved_groups(rng: np.random.Generator, groups: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Differences of mean 0 that groups of unequal size share, and the groups."""
    sizes = rng.integers(5, 40, size=groups)
    members = np.repeat(np.arange(groups), sizes)
    shift = rng.normal(size=groups)[members]
    return (shift + 0.3 * rng.normal(size=len(members)))[:, None], members


def test_where_groups_move_as_one_only_the_test_over_groups_holds_its_level():
    rng = np.random.default_rng(8)
    tests = []
    for trial in range(200):
        difference, members = moved_groups(rng)
        nothing = np.zeros_like(difference)
        tests += paired_test(difference, nothing, members, resamples=200, seed=trial)
    assert np.mean([test.p_photos < 0.05 for test in tests]) > 0.4
    assert 0.02 <= np.mean([test.p_groups < 0.05 for test in tests]) <= 0.1
    covered = [test.groups[0] <= 0 <= test.groups[1] for test in tests]
    assert 0.85 <= np.mean(covered) <= 0.98
    assert np.mean([test.wider == test.groups for test in tests]) > 0.95


def test_the_bootstrap_over_groups_agrees_with_scipy():
    difference, members = moved_groups(np.random.default_rng(9))
    [got] = paired_test(difference, np.zeros_like(difference), members, resamples=4000, seed=1)
    parts = np.bincount(members, difference[:, 0]), np.bincount(members)
    expected = stats.bootstrap(
        parts, lambda s, n, axis: s.sum(axis) / n.sum(axis), paired=True, vectorized=True,
        method="percentile", n_resamples=4000, rng=2,
    ).confidence_interval  # fmt: skip
    assert got.groups == pytest.approx((expected.low, expected.high), abs=0.03)


def test_one_group_leaves_the_test_over_queries(values):
    one = np.zeros(len(values))
    [got] = paired_test(values[:, :1], values[:, 1:2], one, resamples=50, seed=0)
    assert np.isnan(got.groups).all() and np.isnan(got.p_groups)
    assert got.wider == got.photos and got.p_value == got.p_photos


@pytest.mark.filterwarnings("error")
def test_methods_that_differ_by_rounding_never_differ():
    third = np.full((9, 1), 1 / 3)
    noise = third + np.finfo(float).eps * np.arange(-4, 5)[:, None] / 8
    [same] = paired_test(noise, third, np.arange(9) % 3, resamples=10, seed=0)
    [apart] = paired_test(noise + 0.5, third, np.zeros(9), resamples=10, seed=0)
    assert (same.p_photos, apart.p_photos) == (1.0, 0.0)


def test_methods_that_never_differ_have_p_one(values):
    [same, shifted] = paired_test(
        values[:, :2], values[:, :2], np.arange(len(values)) % 9, resamples=10, seed=0
    )
    assert same.p_photos == same.p_groups == shifted.p_value == 1.0
    assert (same.difference, same.photos, same.groups) == (0.0, (0.0, 0.0), (0.0, 0.0))


def test_holm_on_a_worked_example():
    # Sorted: .005 x 4, .01 x 3, .03 x 2, and .04 x 1 raised to the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])


@pytest.mark.filterwarnings("error")
def test_a_single_query_proves_nothing() -> None:
    one = np.zeros(1, dtype=np.int64)
    (test,) = paired_test(np.ones((1, 1)), np.zeros((1, 1)), one, resamples=10, seed=0)
    assert test.difference == 1 and test.p_photos == 1
    assert np.isnan(test.photos).all()
