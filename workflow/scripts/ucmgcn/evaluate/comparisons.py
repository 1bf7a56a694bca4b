"""The table of paired tests: the method against every baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ucmgcn.core.arrays import Floats, Ints
from ucmgcn.evaluate.assess import RetrievalTask
from ucmgcn.evaluate.instances import hits
from ucmgcn.evaluate.metrics import LOWER_IS_BETTER, RECALLS
from ucmgcn.evaluate.results import Context, Result
from ucmgcn.evaluate.significance import PairedTest, holm, paired_test

ALPHA = 0.05
# Metrics that are means over queries, with their field of `QueryMetrics`.
PER_QUERY = {"NN": "nn", "FT": "ft", "ST": "st", "DCG": "dcg", "ANMRR": "anmrr", "mAP": "ap"}
SIGNIFICANCE_COLUMNS = (
    "dataset", "method", "protocol", "baseline", "baseline_protocol", "metric", "n_queries",
    "n_categories", "method_mean", "baseline_mean", "difference", "lo", "hi", "lo_categories",
    "hi_categories", "p_value", "p_categories", "family", "p_holm", "strongest", "verdict",
)  # fmt: skip
# What the comparison with a baseline asks; those with every other one ask what the graph gains.
QUESTIONS = {
    **dict.fromkeys(("propagation", "diffusion", "diffusion-joined", "mlp"), "network"),
    "ridge": "labels",
}


def significance_rows(context: Context, results: Sequence[Result]) -> list[dict[str, Any]]:
    """Compare the subject with every other method by paired tests, protocol by protocol.

    Baselines are compared under the same protocol; one that lacks it is compared under its own,
    which the row names. A query's value is its mean over the seeds. All tests that answer one
    question are a family, which the row names: does the graph (or the network, or the network with
    labels) gain on every baseline that lacks it, under this protocol, in this metric? `p_holm` is
    the larger p value, adjusted within the family. `verdict` is about the subject:
    ``level`` unless `p_holm` is below 5% and the wider interval excludes 0. `strongest` marks the
    baseline over which the subject leads least, in each metric.
    """
    subject = context.options.subject
    rows: list[dict[str, Any]] = []
    for ours in results:
        baselines = _baselines(results, ours) if ours.method == subject else []
        for values in _tested(context.task, ours) if baselines else ():
            rows += _compare(context, ours, baselines, values)
    return rows


@dataclass(frozen=True)
class _Values:
    """What is tested: metrics, their values for each query, and the queries' groups.

    Attributes
    ----------
    of
        Returns a method's values, shape (n, metrics).
    groups
        Shape (n,).
    """

    names: Sequence[str]
    of: Callable[[Result], Floats]
    groups: Ints


def _tested(task: RetrievalTask, ours: Result) -> Iterator[_Values]:
    if ours.labelled:
        codes = task.query_codes[task.evaluated]
        yield _Values(list(PER_QUERY), _per_query, codes)
    known = task.targets >= 0
    if known.any():
        labels = np.unique(np.array(task.query_labels)[known], return_inverse=True)[1]
        yield _Values(RECALLS, lambda result: hits(result.runs, task), labels)


def _compare(
    context: Context, ours: Result, baselines: Sequence[Result], values: _Values
) -> list[dict[str, Any]]:
    """Test our values against those of each baseline."""
    mine, options = values.of(ours), context.options
    rows: list[dict[str, Any]] = []
    for baseline in baselines:
        theirs = values.of(baseline)
        tests = paired_test(
            mine, theirs, values.groups, resamples=options.resamples, seed=options.seed
        )
        head = context.head(ours) | {
            "baseline": baseline.method, "baseline_protocol": baseline.protocol
        }  # fmt: skip
        question = QUESTIONS.get(baseline.method, "graph")
        sizes = {"n_queries": len(mine), "n_categories": len(np.unique(values.groups))}
        for i, (metric, test) in enumerate(zip(values.names, tests, strict=True)):
            means = {"method_mean": mine[:, i].mean(), "baseline_mean": theirs[:, i].mean()}
            family = {"family": f"{question}, {ours.protocol}, {metric}"}
            rows.append({**head, "metric": metric, **sizes, **means, **_result(test), **family})
    return _judged(rows)


def _result(test: PairedTest) -> dict[str, Any]:
    return {
        "difference": test.difference,
        "lo": test.photos[0],
        "hi": test.photos[1],
        "lo_categories": test.groups[0],
        "hi_categories": test.groups[1],
        "p_value": test.p_photos,
        "p_categories": test.p_groups,
        "test": test,
    }


def _judged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adjust the p values of each family, mark the strongest baselines, and add the verdicts."""
    table = pd.DataFrame(rows)
    table["p_holm"] = [test.p_value for test in table["test"]]
    table["p_holm"] = table.groupby("family")["p_holm"].transform(lambda p: holm(p.to_numpy()))
    sign = np.where(table["metric"].isin(LOWER_IS_BETTER), -1, 1)
    lead = table["difference"] * sign
    table["strongest"] = (lead == lead.groupby(table["metric"]).transform("min")).astype(int)
    table["verdict"] = [
        _verdict(gain, p, test)
        for gain, p, test in zip(lead, table["p_holm"], table.pop("test"), strict=True)
    ]
    return table.to_dict("records")  # type: ignore[return-value]


def _verdict(lead: float, p_value: float, test: PairedTest) -> str:
    low, high = test.wider
    if p_value >= ALPHA or low <= 0 <= high:
        return "level"
    return "better" if lead > 0 else "worse"


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
