"""Intervals and paired tests over queries.

A bootstrap sample draws queries with replacement. All methods are resampled with the same draws,
so differences are paired. The spread over seeds is separate, in the tables' columns `_std`. Queries
of one category are treated as exchangeable draws: the intervals hold for new photos of the same
categories, not for new categories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ucmgcn.core.arrays import Floats

LEVEL = 0.95


@dataclass(frozen=True)
class PairedTest:
    """The mean difference of two methods over the same queries.

    `p_value` is that of the two-sided paired t test; it is 1 if the methods never differ, or if
    there is one query only.
    """

    difference: float
    low: float
    high: float
    p_value: float


def bootstrap_means(values: Floats, resamples: int, seed: int) -> Floats:
    """Compute the means of the columns over bootstrap samples of the rows.

    Parameters
    ----------
    values
        One row per query, shape (n, k).
    resamples, seed
        Number of samples B, and the seed of the draws: equal seeds and n give equal draws.

    Returns
    -------
    Means of shape (B, k); NaN for fewer than two queries, whose spread is unknown.
    """
    if len(values) < 2:
        return np.full((resamples, values.shape[1]), np.nan)
    return np.concatenate([w @ values for w in _weights(len(values), resamples, seed)])


def interval(samples: Floats, level: float = LEVEL) -> Floats:
    """Percentile interval of bootstrap samples along the first axis: shape (2, ...)."""
    tail = (1.0 - level) / 2.0
    return np.asarray(np.quantile(samples, [tail, 1.0 - tail], axis=0), dtype=np.float64)


def paired_test(ours: Floats, theirs: Floats, *, resamples: int, seed: int) -> list[PairedTest]:
    """Compare two methods metric by metric on the same queries.

    Parameters
    ----------
    ours, theirs
        Shape (n, k): n queries in the same order, k metrics.
    """
    difference = ours - theirs
    low, high = interval(bootstrap_means(difference, resamples, seed))
    return [
        PairedTest(float(column.mean()), float(lo), float(hi), _p_value(column))
        for column, lo, hi in zip(difference.T, low, high, strict=True)
    ]


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjust p values for multiple testing by Holm's method.

    scipy lacks it, and statsmodels would be a dependency for these few lines.

    References
    ----------
    S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6, 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _p_value(differences: Floats) -> float:
    if len(differences) < 2:
        return 1.0
    if np.ptp(differences) == 0.0:
        return 1.0 if differences[0] == 0.0 else 0.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def _weights(n: int, resamples: int, seed: int, chunk: int = 256) -> Iterator[Floats]:
    """Yield how often each query is drawn, divided by n: blocks of shape (at most chunk, n)."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        draws = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(size)]
        yield np.stack(draws) / n
