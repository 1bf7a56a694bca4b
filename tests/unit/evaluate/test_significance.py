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
    [got] = paired_test(ours, theirs, resamples=2000, seed=0)
    difference = (ours - theirs)[:, 0]
    signs = np.random.default_rng(5).choice([-1, 1], size=(20_000, len(ours)))
    flipped = np.abs(signs @ difference / len(ours))
    assert got.p_value == pytest.approx(np.mean(flipped >= abs(difference.mean())), abs=0.02)
    assert got.difference == pytest.approx(difference.mean())
    assert got.low < got.difference < got.high


def test_p_values_of_equal_methods_are_uniform():
    rng = np.random.default_rng(6)
    p = [
        paired_test(rng.random((50, 1)), rng.random((50, 1)), resamples=2, seed=0)[0].p_value
        for _ in range(400)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_methods_that_never_differ_have_p_one(values):
    [same, shifted] = paired_test(
        values[:, :2], values[:, :2] - np.array([0.0, 0.0]), resamples=10, seed=0
    )
    assert same.p_value == shifted.p_value == 1.0
    assert (same.difference, same.low, same.high) == (0.0, 0.0, 0.0)


def test_holm_on_a_worked_example():
    # Sorted: .005 x 4, .01 x 3, .03 x 2, and .04 x 1 raised to the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])


@pytest.mark.filterwarnings("error")
def test_a_single_query_proves_nothing() -> None:
    (test,) = paired_test(np.ones((1, 1)), np.zeros((1, 1)), resamples=10, seed=0)
    assert test.difference == 1 and test.p_value == 1
    assert np.isnan([test.low, test.high]).all()
