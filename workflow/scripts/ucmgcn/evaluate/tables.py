"""The tables of the evaluate stage, written atomically, with six decimals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ucmgcn.core.arrays import Floats
from ucmgcn.evaluate.assess import Assessment, RetrievalTask, ceilings, confusion
from ucmgcn.evaluate.challenge import Shapes, challenge_row
from ucmgcn.evaluate.comparisons import PER_QUERY, SIGNIFICANCE_COLUMNS, significance_rows
from ucmgcn.evaluate.instances import recall, recall_intervals
from ucmgcn.evaluate.metrics import F_DEPTH, METRICS, RECALLS, precision_recall, summarise
from ucmgcn.evaluate.plots import plot_precision_recall
from ucmgcn.evaluate.ranking_file import write_ranking
from ucmgcn.evaluate.results import Context, Result
from ucmgcn.evaluate.significance import bootstrap_means, interval
from ucmgcn.files.digest import sealed_path

CONFUSION_DEPTH = 10
WITH_INTERVAL = ("NN", "FT", "ST", "F", "DCG", "ANMRR", "mAP")
WHOLE_NUMBERS = ("n_seeds", "n_queries", "n_models", "n_instances", "photos_seen", "n_left_out")
KEYS = ("dataset", "method", "supervision", "protocol", "backbone")


Group = tuple[Context, Sequence[Result]]


def write_all(
    out: Path, context: Context, results: Sequence[Result], probes: Sequence[Group] = ()
) -> None:
    """Write every table and plot of the stage into the folder `out`.

    Each probe has a context of its own, with other queries. Those of one draw are in all tables of
    metrics, and those of several, as their mean, in `metrics.csv` and `metrics_per_seed.csv`. The
    ranking and the plot are of the first queries alone.
    """
    key, options = ["dataset", "method", "protocol"], context.options
    everything = [(context, results), *probes]
    whole = [(c, r) for c, found in everything if not c.draw for r in found]
    curves = {r.label: mean_curve(r) for r in results if r.labelled}
    per_seed = [row for c, found in everything for r in found for row in seed_rows(c, r)]
    _write(out / "metrics_per_seed.csv", per_seed, [*KEYS, "seed", *METRICS])
    _write(out / "metrics.csv", [*starmap(metrics_row, whole), *drawn_rows(probes)], [])
    _write(
        out / "metrics_per_category.csv",
        [row for c, r in whole for row in category_rows(c, r)],
        [*key, "category", "n_queries", "n_models", *METRICS],
    )
    _write(
        out / "confusion.csv",
        [row for c, r in whole for row in confusion_rows(c, r)],
        [*key, "category", "retrieved", "share"],
    )
    compared = [row for c, r in everything if not c.draw for row in significance_rows(c, r)]
    _write(out / "significance.csv", compared, SIGNIFICANCE_COLUMNS)
    _write(
        out / "pr_curve.csv",
        [row for r in results for row in curve_rows(context, r, curves)],
        [*key, "depth", "recall", "precision"],
    )
    _write_text_rows(out / "left_out.csv", ("query", "category", "reason"), context.task.left_out)
    if context.shapes is not None:
        _write(out / "challenge.csv", challenge_rows(context, results, context.shapes), [])
    ranking = out / "ranking.csv.gz"
    write_ranking(ranking, context.task, results, options.top, options.threads)
    title = f"{context.dataset}, {context.backbone}" + ("" if curves else ": no labels")
    for suffix in ("svg", "png"):
        plot = out / f"pr_curve.{suffix}"
        plot_precision_recall(curves, plot, title=title, highlight=options.subject)


def run_metrics(context: Context, run: Assessment) -> dict[str, float]:
    """Compute the metrics of one run: `METRICS` if there are labels, then the additional ones."""
    values = summarise(run.retrieval, context.options.flavour) if run.retrieval else {}
    return values | recall(run, context.task)


def metrics_row(context: Context, result: Result) -> dict[str, Any]:
    """Lay out mean and sd over the seeds, ceilings, and intervals over the queries."""
    seeds = pd.DataFrame([run_metrics(context, run) for run in result.runs])
    mean, spread = seeds.mean(), seeds.std(ddof=1)
    beside = [name for name in mean.index if name not in METRICS]
    options = context.options
    return {
        **_head(context, result),
        "n_seeds": len(result.runs),
        **_counts(context.task),
        **{name: mean.get(name) for name in METRICS},
        **{f"{name}_std": spread.get(name) for name in METRICS},
        **{name: mean[name] for name in beside},
        **{f"{name}_std": spread[name] for name in beside if name in RECALLS},
        **_ceilings(context),
        **_intervals(context, result),
        **recall_intervals(result.runs, context.task, options.resamples, options.seed),
        "flavour": options.flavour,
        "distance": options.measure.distance,
        "preprocess": "official" if options.measure.official_preprocess else "none",
        "split": context.split,
        "n_instances": int((context.task.targets >= 0).sum()),
        "photos_seen": result.photos_seen,
        "n_left_out": len(context.task.left_out),
        "note": _note(context.task),
    }


def drawn_rows(probes: Sequence[Group]) -> Iterator[dict[str, Any]]:
    """Yield a row for each method and protocol of several draws: their mean, and their sd.

    A draw's values are means over the seeds. Draws have different queries, so no interval over
    queries fits them.
    """
    draws: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for context, results in probes:
        for result in results if context.draw else ():
            row = metrics_row(context, result)
            draws.setdefault((result.protocol, result.method), []).append(row)
    for rows in draws.values():
        frame = pd.DataFrame(rows)
        mean = frame.mean(numeric_only=True)
        spread = frame.std(numeric_only=True, ddof=1)
        stds = [name for name in rows[0] if name.endswith("_std")]
        ends = [name for name in rows[0] if name.endswith(("_lo", "_hi"))]
        yield {
            **rows[0],
            **mean,
            **{name: spread.get(name.removesuffix("_std")) for name in stds},
            **dict.fromkeys(ends),
            **{name: round(mean[name]) for name in WHOLE_NUMBERS if name in mean},
            "note": f"mean and sd over {len(rows)} draws of the photos",
        }


def seed_rows(context: Context, result: Result) -> Iterator[dict[str, Any]]:
    """Yield one row per run."""
    for seed, run in zip(result.seeds, result.runs, strict=True):
        values = run_metrics(context, run)
        draw = {"draw": context.draw} if context.draw else {}
        row = {**_head(context, result), "seed": seed, **draw, **_counts(context.task)}
        yield row | {name: values.get(name) for name in METRICS} | values


def category_rows(context: Context, result: Result) -> Iterator[dict[str, Any]]:
    """Yield the metrics of each category's queries, averaged over the seeds."""
    for code, category in enumerate(context.task.categories):
        queried = int((context.task.query_codes == code).sum())
        if not queried:
            continue
        runs = [summarise(r.of_group(code), context.options.flavour) for r in result.retrievals]
        yield {
            **context.head(result),
            "category": category,
            "n_queries": queried,
            "n_models": len(context.task.members[code]),
            **{name: float(np.mean([run[name] for run in runs])) for name in runs[0]},
        }


def confusion_rows(context: Context, result: Result) -> Iterator[dict[str, Any]]:
    """Yield each category's share of the first places, averaged over the seeds."""
    if not result.labelled:
        return
    task = context.task
    share = np.mean([confusion(run, task, CONFUSION_DEPTH) for run in result.runs], axis=0)
    for code in np.unique(task.query_codes[task.evaluated]):
        for name, value in zip([*task.categories, ""], share[code], strict=True):
            if value > 0:
                yield {
                    **context.head(result),
                    "category": task.categories[code],
                    "retrieved": name,
                    "share": value,
                }


def mean_curve(result: Result) -> tuple[Floats, Floats]:
    """Average pooled recall and precision at the depths 1..G over the seeds."""
    curves = [precision_recall(r.found.sum(axis=0), len(r.queries)) for r in result.retrievals]
    precision, recall = np.mean(curves, axis=0)
    return recall, precision


def curve_rows(
    context: Context, result: Result, curves: dict[str, tuple[Floats, Floats]]
) -> Iterator[dict[str, Any]]:
    """Yield the precision-recall curve, one row per depth."""
    if result.label in curves:
        head = context.head(result)
        points = zip(*curves[result.label], strict=True)
        for depth, (recall, precision) in enumerate(points, 1):
            yield {**head, "depth": depth, "recall": recall, "precision": precision}


def challenge_rows(
    context: Context, results: Sequence[Result], shapes: Shapes
) -> Iterator[dict[str, Any]]:
    """Score each method as the 3D-FUTURE challenge does."""
    for result in results:
        if row := challenge_row(result.runs, context.task, shapes):
            yield {**_head(context, result), **row}


def _intervals(context: Context, result: Result) -> dict[str, Any]:
    """Bootstrap 95% intervals; only for the official flavour, whose means are over queries."""
    names = [f"{name}_{end}" for name in WITH_INTERVAL for end in ("lo", "hi")]
    if not result.labelled or context.options.flavour != "official":
        return dict.fromkeys(names)
    columns = [*PER_QUERY.values(), "hits", "n_relevant"]
    values = np.stack([result.queries(c) for c in columns], axis=1)
    means = bootstrap_means(values, context.options.resamples, context.options.seed)
    samples = dict(zip(PER_QUERY, means.T, strict=False))
    samples["F"] = 2.0 * means[:, -2] / (F_DEPTH + means[:, -1])
    return dict(
        zip(names, (v for name in WITH_INTERVAL for v in interval(samples[name])), strict=True)
    )


def _ceilings(context: Context) -> dict[str, float | None]:
    """Return the ceilings of F and AUC; the legacy DCG has one below 1, too."""
    names = ("F", "AUC", "DCG") if context.options.flavour == "legacy" else ("F", "AUC")
    if not context.task.evaluated.any():
        return dict.fromkeys(f"{name}_ceiling" for name in names)
    perfect = ceilings(context.task, context.options.flavour)
    return {f"{name}_ceiling": perfect[name] for name in names}


def _head(context: Context, result: Result) -> dict[str, str]:
    values = (
        context.dataset, result.method, result.supervision, result.protocol, context.backbone
    )  # fmt: skip
    return dict(zip(KEYS, values, strict=True))


def _counts(task: RetrievalTask) -> dict[str, int]:
    """Count evaluated queries, or all of them if there is no label."""
    evaluated = int(task.evaluated.sum())
    return {"n_queries": evaluated or len(task.queries), "n_models": len(task.models)}


def _note(task: RetrievalTask) -> str:
    if not any(task.query_labels) or not task.categories:
        return "no categories" if (task.targets >= 0).any() else "no labels"
    if not task.evaluated.any():
        return "no query has a category of the gallery"
    n = len(task.left_out)
    return f"{n} photos left out, see left_out.csv" if n else ""


def _write(path: Path, rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
    """Write rows with six decimals; `columns` is the header of a table without rows."""
    records = list(rows)
    frame = pd.DataFrame(records, columns=None if records else list(columns))
    with sealed_path(path) as partial:
        frame.to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")


def _write_text_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with sealed_path(path) as partial:
        pd.DataFrame(list(rows), columns=list(columns)).to_csv(
            partial, index=False, lineterminator="\n"
        )
