"""Intervals and paired tests over queries, and over their categories.

A bootstrap sample draws queries with replacement. All methods are resampled with the same draws,
so differences are paired. The spread over seeds is separate, in the tables' columns `_std`. Queries
of one category are treated as exchangeable draws: these intervals hold for new photos of the same
categories. A graph moves whole categories, so a second bootstrap draws categories, each with all of
its queries: those intervals hold for new categories. Neither draws models: the gallery, and the
graph and the networks that were made of it, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ucmgcn.core.arrays import Floats, Ints

LEVEL = 0.95
ROUNDING = 1e-12  # of metrics, which are at most one


@dataclass(frozen=True)
class PairedTest:
    """The mean difference of two methods over the same queries.

    Attributes
    ----------
    difference
        The mean over the queries.
    photos, groups
        95% intervals of the bootstrap over queries, and over their groups. With fewer than two
        groups the latter is NaN.
    p_photos, p_groups
        Of the two-sided paired t test over queries, and of the one whose standard error is robust
        to correlation within the groups (t with groups - 1 degrees of freedom; Cameron & Miller, A
        practitioner's guide to cluster-robust inference, J. Human Resources 50, 2015). They are 1
        if the methods never differ, or if there is one query only.
    """

    difference: float
    photos: tuple[float, float]
    groups: tuple[float, float]
    p_photos: float
    p_groups: float

    @property
    def p_value(self) -> float:
        """The larger of the two p values."""
        return float(np.fmax(self.p_photos, self.p_groups))

    @property
    def wider(self) -> tuple[float, float]:
        """The wider of the two intervals."""
        widths = self.photos[1] - self.photos[0], self.groups[1] - self.groups[0]
        return self.groups if widths[1] > widths[0] else self.photos


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


def paired_test(
    ours: Floats, theirs: Floats, groups: Ints, *, resamples: int, seed: int
) -> list[PairedTest]:
    """Compare two methods metric by metric on the same queries.

    Parameters
    ----------
    ours, theirs
        Shape (n, k): n queries in the same order, k metrics.
    groups
        Number of each query's group, such as its category, shape (n,).
    """
    difference = ours - theirs
    over_photos = interval(bootstrap_means(difference, resamples, seed)).T
    _, members = np.unique(groups, return_inverse=True)
    sizes = np.bincount(members).astype(np.float64)
    sums = np.zeros((len(sizes), difference.shape[1]))
    np.add.at(sums, members, difference)
    over_groups = _group_intervals(sums, sizes, resamples, seed).T
    p_groups = _group_p_values(sums, sizes)
    return [
        PairedTest(float(column.mean()), _pair(one), _pair(other), _p_value(column), float(p))
        for column, one, other, p in zip(
            difference.T, over_photos, over_groups, p_groups, strict=True
        )
    ]


def _group_intervals(sums: Floats, sizes: Floats, resamples: int, seed: int) -> Floats:
    """Bootstrap whole groups: sums (g, k) of their differences, sizes (g,), to ends (2, k)."""
    if len(sizes) < 2:
        return np.full((2, sums.shape[1]), np.nan)
    means = bootstrap_means(np.column_stack([sums, sizes]), resamples, seed)
    ratios: Floats = means[:, :-1] / means[:, -1:]
    return interval(ratios)


def _group_p_values(sums: Floats, sizes: Floats) -> Floats:
    """P values (k,) of zero differences, robust to correlation within the groups."""
    g, n = len(sizes), sizes.sum()
    if g < 2:
        return np.full(sums.shape[1], np.nan)
    mean = sums.sum(axis=0) / n
    error = np.sqrt(g / (g - 1) * ((sums - np.outer(sizes, mean)) ** 2).sum(axis=0)) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(mean) / error, g - 1)
    return np.asarray(np.where(error > 0, p, mean == 0), dtype=np.float64)


def _pair(ends: Floats) -> tuple[float, float]:
    return float(ends[0]), float(ends[1])


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
    # A t test of what differs by rounding alone would be a division of rounding by rounding.
    if np.ptp(differences) < ROUNDING:
        return float(abs(differences[0]) < ROUNDING)
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def _weights(n: int, resamples: int, seed: int, chunk: int = 256) -> Iterator[Floats]:
    """Yield how often each query is drawn, divided by n: blocks of shape (at most chunk, n)."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        draws = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(size)]
        yield np.stack(draws) / n
