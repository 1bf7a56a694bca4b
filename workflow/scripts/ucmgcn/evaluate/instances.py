"""Instance-level recall: whether the exact model of a photo is among the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.evaluate.assess import Assessment, RetrievalTask
from ucmgcn.evaluate.metrics import RECALL_DEPTHS, RECALLS, instance_recall
from ucmgcn.evaluate.significance import bootstrap_means, interval


def hits(runs: Sequence[Assessment], task: RetrievalTask) -> Floats:
    """Compute whether the exact model ranks within each depth, averaged over the runs.

    Returns
    -------
    Shape (n, depths), a row for each of the n queries whose exact model is in the gallery.
    """
    known = task.targets >= 0
    found = [[run.target[known] <= depth for depth in RECALL_DEPTHS] for run in runs]
    return np.asarray(np.mean(found, axis=0, dtype=np.float64).T)


def recall(run: Assessment, task: RetrievalTask) -> dict[str, float]:
    """Share of the queries whose exact model ranks within each depth; empty if none is known."""
    known = task.targets >= 0
    return instance_recall(run.target[known]) if known.any() else {}


def recall_intervals(
    runs: Sequence[Assessment], task: RetrievalTask, resamples: int, seed: int
) -> dict[str, float]:
    """Bootstrap 95% intervals over the queries, for the mean of `recall` over the runs."""
    if not (task.targets >= 0).any():
        return {}
    samples = bootstrap_means(hits(runs, task), resamples, seed)
    ends = zip(RECALLS, map(interval, samples.T), strict=True)
    return {
        f"{name}_{end}": x for name, pair in ends for end, x in zip(("lo", "hi"), pair, strict=True)
    }
