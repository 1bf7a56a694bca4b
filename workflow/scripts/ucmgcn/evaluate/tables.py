"""The tables of the evaluate stage, written atomically with six decimals."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ucmgcn.evaluate.assess import Assessment, Task, ceilings, confusion
from ucmgcn.evaluate.challenge import Shapes, challenge_row
from ucmgcn.evaluate.instances import RECALLS, hits, recall, recall_intervals
from ucmgcn.evaluate.metrics import (
    F_DEPTH,
    LOWER_IS_BETTER,
    METRICS,
    Flavour,
    Retrieval,
    precision_recall,
    summarise,
)
from ucmgcn.evaluate.plots import plot_precision_recall
from ucmgcn.evaluate.ranking import Measure
from ucmgcn.evaluate.significance import bootstrap_means, holm, interval, paired_test
from ucmgcn.files.atomic import atomic_path

Floats = npt.NDArray[np.float64]

CONFUSION_DEPTH = 10
RANKING_QUERIES = 1024  # in a part of the ranking's file
PER_QUERY = {"NN": "nn", "FT": "ft", "ST": "st", "DCG": "dcg", "ANMRR": "anmrr", "mAP": "ap"}
WITH_INTERVAL = ("NN", "FT", "ST", "F", "DCG", "ANMRR", "mAP")
ALPHA = 0.05
KEYS = ("dataset", "method", "supervision", "protocol", "backbone")
SIGNIFICANCE_COLUMNS = (
    "dataset", "method", "protocol", "baseline", "baseline_protocol", "metric", "n_queries",
    "method_mean", "baseline_mean", "difference", "lo", "hi", "p_value", "p_holm", "verdict",
)  # fmt: skip


@dataclass(frozen=True)
class Context:
    """What all rows of the tables share."""

    dataset: str
    backbone: str
    task: Task
    flavour: Flavour
    measure: Measure
    split: str = "none"
    shapes: Shapes | None = None


@dataclass
class Result:
    """The runs of one method under one protocol, a run a seed."""

    method: str
    protocol: str
    supervision: str
    seeds: list[str] = field(default_factory=list)
    runs: list[Assessment] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Name of the method with its protocol."""
        return f"{self.method} ({self.protocol})"

    def queries(self, metric: str) -> Floats:
        """Values of an attribute of `QueryMetrics`, averaged over the seeds: shape (n,)."""
        values = [getattr(_retrieval(run).queries, metric) for run in self.runs]
        return np.asarray(np.mean(values, axis=0), dtype=np.float64)


def write_all(
    out: Path,
    context: Context,
    results: Sequence[Result],
    *,
    subject: str,
    top: int,
    resamples: int,
    seed: int,
    threads: int = 1,
) -> None:
    """Write every table and plot of the stage into the folder `out`."""
    key = ["dataset", "method", "protocol"]
    curves = {r.label: mean_curve(r) for r in results if _labelled(r)}
    per_seed = [row for r in results for row in seed_rows(context, r)]
    _write(out / "metrics_per_seed.csv", per_seed, [*KEYS, "seed", *METRICS])
    rows = [metrics_row(context, r, resamples, seed) for r in results]
    _write(out / "metrics.csv", rows, [])
    _write(
        out / "metrics_per_category.csv",
        [row for r in results for row in category_rows(context, r)],
        [*key, "category", "n_queries", "n_models", *METRICS],
    )
    _write(
        out / "confusion.csv",
        [row for r in results for row in confusion_rows(context, r)],
        [*key, "category", "retrieved", "share"],
    )
    _write(
        out / "significance.csv",
        significance_rows(context, results, subject, resamples, seed),
        SIGNIFICANCE_COLUMNS,
    )
    _write(
        out / "pr_curve.csv",
        [row for r in results for row in curve_rows(context, r, curves)],
        [*key, "depth", "recall", "precision"],
    )
    _write_text_rows(out / "left_out.csv", ("query", "category", "reason"), context.task.left_out)
    if context.shapes is not None:
        _write(out / "challenge.csv", challenge_rows(context, results, context.shapes), [])
    write_ranking(out / "ranking.csv.gz", context.task, results, top, threads)
    title = f"{context.dataset}, {context.backbone}" + ("" if curves else ": no labels")
    for suffix in ("svg", "png"):
        plot_precision_recall(curves, out / f"pr_curve.{suffix}", title=title, highlight=subject)


def run_metrics(context: Context, run: Assessment) -> dict[str, float]:
    """Metrics of one run: `METRICS` if there are labels, then those reported beside them."""
    values = summarise(run.retrieval, context.flavour) if run.retrieval else {}
    return values | recall(run, context.task)


def metrics_row(context: Context, result: Result, resamples: int, seed: int) -> dict[str, Any]:
    """Mean and sd over the seeds, the ceilings, and intervals over the queries."""
    seeds = pd.DataFrame([run_metrics(context, run) for run in result.runs])
    mean, spread = seeds.mean(), seeds.std(ddof=1)
    beside = [name for name in mean.index if name not in METRICS]
    return {
        **_head(context, result),
        "n_seeds": len(result.runs),
        **_counts(context.task),
        **{name: mean.get(name) for name in METRICS},
        **{f"{name}_std": spread.get(name) for name in METRICS},
        **{name: mean[name] for name in beside},
        **{f"{name}_std": spread[name] for name in beside if name in RECALLS},
        **_ceilings(context),
        **_intervals(context, result, resamples, seed),
        **recall_intervals(result.runs, context.task, resamples, seed),
        "flavour": context.flavour,
        "distance": context.measure.distance,
        "preprocess": "official" if context.measure.official_preprocess else "none",
        "split": context.split,
        "n_instances": int((context.task.targets >= 0).sum()),
        "n_left_out": len(context.task.left_out),
        "note": _note(context.task),
    }


def seed_rows(context: Context, result: Result) -> Iterator[dict[str, Any]]:
    """One row a run."""
    for seed, run in zip(result.seeds, result.runs, strict=True):
        values = run_metrics(context, run)
        row = {**_head(context, result), "seed": seed, **_counts(context.task)}
        yield row | {name: values.get(name) for name in METRICS} | values


def category_rows(context: Context, result: Result) -> Iterator[dict[str, Any]]:
    """Metrics of the queries of each category, averaged over the seeds."""
    for code, category in enumerate(context.task.categories):
        queried = int((context.task.query_codes == code).sum())
        if not queried:
            continue
        runs = [summarise(_retrieval(r).of_group(code), context.flavour) for r in result.runs]
        yield {
            **_short_head(context, result),
            "category": category,
            "n_queries": queried,
            "n_models": len(context.task.members[code]),
            **{name: float(np.mean([run[name] for run in runs])) for name in runs[0]},
        }


def confusion_rows(context: Context, result: Result) -> Iterator[dict[str, Any]]:
    """Share of the first places that each category's models take, averaged over the seeds."""
    if not _labelled(result):
        return
    task = context.task
    share = np.mean([confusion(run, task, CONFUSION_DEPTH) for run in result.runs], axis=0)
    for code in np.unique(task.query_codes[task.evaluated]):
        for name, value in zip([*task.categories, ""], share[code], strict=True):
            if value > 0:
                yield {
                    **_short_head(context, result),
                    "category": task.categories[code],
                    "retrieved": name,
                    "share": value,
                }


def mean_curve(result: Result) -> tuple[Floats, Floats]:
    """Pooled recall and precision at the depths 1..G, averaged over the seeds."""
    curves = [
        precision_recall(r.found.sum(axis=0), len(r.queries)) for r in map(_retrieval, result.runs)
    ]
    precision, recall = np.mean(curves, axis=0)
    return recall, precision


def curve_rows(
    context: Context, result: Result, curves: dict[str, tuple[Floats, Floats]]
) -> Iterator[dict[str, Any]]:
    """Lay out the precision-recall curve, a row a depth."""
    if result.label in curves:
        head = _short_head(context, result)
        points = zip(*curves[result.label], strict=True)
        for depth, (recall, precision) in enumerate(points, 1):
            yield {**head, "depth": depth, "recall": recall, "precision": precision}


def significance_rows(
    context: Context, results: Sequence[Result], subject: str, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Paired tests of the subject, protocol by protocol, against every other method.

    A baseline is taken under the same protocol; one that exists under a single protocol is taken
    under that, and the row says so. Values are a query's mean over the seeds. `p_holm` is adjusted
    over the baselines of one protocol and metric; `verdict` is about the subject, at 5%.
    """
    rows: list[dict[str, Any]] = []
    for ours in results:
        baselines = _baselines(results, ours) if ours.method == subject else []
        for names, values in _tested(context.task, ours) if baselines else ():
            samples = [values(result) for result in (ours, *baselines)]
            rows += _compare(context, ours, baselines, names, samples, resamples, seed)
    return rows


def _tested(task: Task, ours: Result) -> Iterator[tuple[Sequence[str], Callable[[Result], Floats]]]:
    """Yield the names of metrics that are tested, and what gives their values per query."""
    if _labelled(ours):
        yield list(PER_QUERY), _per_query
    if (task.targets >= 0).any():
        yield RECALLS, lambda result: hits(result.runs, task)


def challenge_rows(
    context: Context, results: Sequence[Result], shapes: Shapes
) -> Iterator[dict[str, Any]]:
    """Score each method as the 3D-FUTURE challenge does."""
    for result in results:
        if row := challenge_row(result.runs, context.task, shapes):
            yield {**_head(context, result), **row}


def write_ranking(
    path: Path, task: Task, results: Sequence[Result], top: int, threads: int = 1
) -> None:
    """Write the first `top` models of each query, for the first seed of each method, gzipped.

    The gzip headers have no name and no time, so equal rankings give equal bytes. Parts of it are
    compressed side by side: the file is a sequence of gzip members.
    """
    columns = ("query", "method", "rank", "model", "score", "hit", "protocol", "seed")
    starts = range(0, len(task.queries), RANKING_QUERIES)
    parts = [
        (r, range(len(task.queries))[i : i + RANKING_QUERIES]) for r in results for i in starts
    ]
    models = [_quoted(model) for model in task.models]

    def compressed(part: tuple[Result, range]) -> bytes:
        return _gzipped("".join(_ranking_lines(task, *part, models, top)))

    with (
        atomic_path(path) as partial,
        partial.open("wb") as out,
        ThreadPoolExecutor(threads) as pool,
    ):
        out.write(_gzipped(",".join(columns) + "\n"))
        out.writelines(pool.map(compressed, parts))


def _ranking_lines(
    task: Task, result: Result, queries: range, models: Sequence[str], top: int
) -> Iterator[str]:
    run, seed = result.runs[0], result.seeds[0]
    for q in queries:
        head = f"{_quoted(task.queries[q])},{result.method}"
        tail = f"{result.protocol},{seed}\n"
        best = run.top[q, :top]
        correct = (task.model_codes[best] == task.query_codes[q]) & task.evaluated[q]
        shown = correct.astype(int).tolist() if task.query_labels[q] else [""] * len(best)
        row = zip(best.tolist(), run.top_scores[q, :top].tolist(), shown, strict=True)
        for rank, (model, score, hit) in enumerate(row, 1):
            yield f"{head},{rank},{models[model]},{score:.6f},{hit},{tail}"


def _quoted(name: str) -> str:
    """Write a name as a cell of a CSV file."""
    special = any(mark in name for mark in ',"\r\n')
    return '"' + name.replace('"', '""') + '"' if special else name


def _gzipped(text: str) -> bytes:
    return gzip.compress(text.encode("utf-8"), compresslevel=6, mtime=0)


def _compare(
    context: Context,
    ours: Result,
    baselines: Sequence[Result],
    names: Sequence[str],
    samples: Sequence[Floats],
    resamples: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Test ours, whose samples (n, metrics) come first, against each baseline."""
    mine, *theirs = samples
    tests = paired_test(
        np.tile(mine, len(theirs)), np.hstack(theirs), resamples=resamples, seed=seed
    )
    n = len(names)
    adjusted = np.array([holm([t.p_value for t in tests[i::n]]) for i in range(n)]).T
    for b, baseline in enumerate(baselines):
        for i, metric in enumerate(names):
            test = tests[b * n + i]
            yield {
                "dataset": context.dataset,
                "method": ours.method,
                "protocol": ours.protocol,
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


def _intervals(context: Context, result: Result, resamples: int, seed: int) -> dict[str, Any]:
    """95% bootstrap intervals; for the official flavour, whose means are over queries."""
    names = [f"{name}_{end}" for name in WITH_INTERVAL for end in ("lo", "hi")]
    if not _labelled(result) or context.flavour != "official":
        return dict.fromkeys(names)
    columns = [*PER_QUERY.values(), "hits", "n_relevant"]
    means = bootstrap_means(np.stack([result.queries(c) for c in columns], axis=1), resamples, seed)
    samples = dict(zip(PER_QUERY, means.T, strict=False))
    samples["F"] = 2.0 * means[:, -2] / (F_DEPTH + means[:, -1])
    return dict(
        zip(names, (v for name in WITH_INTERVAL for v in interval(samples[name])), strict=True)
    )


def _ceilings(context: Context) -> dict[str, float | None]:
    """Print F and AUC with their ceilings; the legacy DCG has one below 1, too."""
    names = ("F", "AUC", "DCG") if context.flavour == "legacy" else ("F", "AUC")
    if not context.task.evaluated.any():
        return dict.fromkeys(f"{name}_ceiling" for name in names)
    perfect = ceilings(context.task, context.flavour)
    return {f"{name}_ceiling": perfect[name] for name in names}


def _head(context: Context, result: Result) -> dict[str, str]:
    values = (
        context.dataset, result.method, result.supervision, result.protocol, context.backbone
    )  # fmt: skip
    return dict(zip(KEYS, values, strict=True))


def _short_head(context: Context, result: Result) -> dict[str, str]:
    return {
        "dataset": context.dataset, "method": result.method, "protocol": result.protocol
    }  # fmt: skip


def _counts(task: Task) -> dict[str, int]:
    """Count evaluated queries, or all of them if there is no label."""
    evaluated = int(task.evaluated.sum())
    return {"n_queries": evaluated or len(task.queries), "n_models": len(task.models)}


def _note(task: Task) -> str:
    if not any(task.query_labels) or not task.categories:
        return "no categories" if (task.targets >= 0).any() else "no labels"
    if not task.evaluated.any():
        return "no query has a category of the gallery"
    n = len(task.left_out)
    return f"{n} photos left out, see left_out.csv" if n else ""


def _labelled(result: Result) -> bool:
    return result.runs[0].retrieval is not None


def _retrieval(run: Assessment) -> Retrieval:
    if run.retrieval is None:
        raise ValueError("the task has no labels")
    return run.retrieval


def _write(path: Path, rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
    """Write rows with six decimals; `columns` name the head of a table without rows."""
    records = list(rows)
    frame = pd.DataFrame(records, columns=None if records else list(columns))
    with atomic_path(path) as partial:
        frame.to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")


def _write_text_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with atomic_path(path) as partial:
        pd.DataFrame(list(rows), columns=list(columns)).to_csv(
            partial, index=False, lineterminator="\n"
        )
