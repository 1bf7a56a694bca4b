"""The table of paired tests: the method against every baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.evaluate.assess import RetrievalTask
from ucmgcn.evaluate.instances import hits
from ucmgcn.evaluate.metrics import LOWER_IS_BETTER, RECALLS
from ucmgcn.evaluate.results import Context, Result
from ucmgcn.evaluate.significance import holm, paired_test

ALPHA = 0.05
# Metrics that are means over queries, with their field of `QueryMetrics`.
PER_QUERY = {"NN": "nn", "FT": "ft", "ST": "st", "DCG": "dcg", "ANMRR": "anmrr", "mAP": "ap"}
SIGNIFICANCE_COLUMNS = (
    "dataset", "method", "protocol", "baseline", "baseline_protocol", "metric", "n_queries",
    "method_mean", "baseline_mean", "difference", "lo", "hi", "p_value", "p_holm", "verdict",
)  # fmt: skip


def significance_rows(context: Context, results: Sequence[Result]) -> list[dict[str, Any]]:
    """Compare the subject with every other method by paired tests, protocol by protocol.

    Baselines are compared under the same protocol; one that lacks it is compared under its own,
    which the row names. A query's value is its mean over the seeds. `p_holm` is adjusted over the
    baselines of one protocol and metric; `verdict` is about the subject, at 5%.
    """
    subject = context.options.subject
    rows: list[dict[str, Any]] = []
    for ours in results:
        baselines = _baselines(results, ours) if ours.method == subject else []
        for names, values in _tested(context.task, ours) if baselines else ():
            samples = [values(result) for result in (ours, *baselines)]
            rows += _compare(context, ours, baselines, names, samples)
    return rows


def _tested(
    task: RetrievalTask, ours: Result
) -> Iterator[tuple[Sequence[str], Callable[[Result], Floats]]]:
    """Yield the names of tested metrics, and the function that returns their values per query."""
    if ours.labelled:
        yield list(PER_QUERY), _per_query
    if (task.targets >= 0).any():
        yield RECALLS, lambda result: hits(result.runs, task)


def _compare(
    context: Context,
    ours: Result,
    baselines: Sequence[Result],
    names: Sequence[str],
    samples: Sequence[Floats],
) -> Iterator[dict[str, Any]]:
    """Test our samples (n, metrics), which come first, against those of each baseline."""
    mine, *theirs = samples
    options = context.options
    tests = paired_test(
        np.tile(mine, len(theirs)),
        np.hstack(theirs),
        resamples=options.resamples,
        seed=options.seed,
    )
    n = len(names)
    adjusted = np.array([holm([t.p_value for t in tests[i::n]]) for i in range(n)]).T
    for b, baseline in enumerate(baselines):
        for i, metric in enumerate(names):
            test = tests[b * n + i]
            yield {
                **context.head(ours),
                "baseline": baseline.method,
                "baseline_protocol": baseline.protocol,
                "metric": metric,
                "n_queries": len(mine),
                "method_mean": mine[:, i].mean(),
                "baseline_mean": theirs[b][:, i].mean(),
                "difference": test.difference,
                "lo": test.low,
                "hi": test.high,
                "p_value": test.p_value,
                "p_holm": adjusted[b, i],
                "verdict": _verdict(metric, test.difference, adjusted[b, i]),
            }


def _verdict(metric: str, difference: float, p_value: float) -> str:
    if p_value >= ALPHA:
        return "undecided"
    return "better" if (difference < 0) == (metric in LOWER_IS_BETTER) else "worse"


def _baselines(results: Sequence[Result], ours: Result) -> list[Result]:
    others: dict[str, list[Result]] = {}
    for result in results:
        if result.method != ours.method:
            others.setdefault(result.method, []).append(result)
    return [
        next((r for r in found if r.protocol == ours.protocol), found[0])
        for found in others.values()
    ]


def _per_query(result: Result) -> Floats:
    """Per-query values of `PER_QUERY`, averaged over the seeds: shape (n, 6)."""
    return np.stack([result.queries(name) for name in PER_QUERY.values()], axis=1)
