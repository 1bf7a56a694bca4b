"""The tables of the evaluate stage, prepared for the page."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ucmgcn.evaluate.metrics import LOWER_IS_BETTER, METRICS, RECALLS
from ucmgcn.files.digest import intact
from ucmgcn.report.figures import Line

PROTOCOLS = ("transductive", "inductive", "open", "skewed-1", "skewed-2", "skewed-4")
FOREST = ("NN", "FT", "F", "DCG", "mAP", "ANMRR", *RECALLS)
TESTED = ("NN", "FT", "ST", "DCG", "ANMRR", "mAP", *RECALLS)
CURVE_POINTS = 160
MAX_CONFUSED = 30
MAX_PAIRS = 10
WHOLE = "all"
UNLABELLED = "(no label)"
TEXT_COLUMNS = frozenset(
    {"dataset", "method", "supervision", "protocol", "backbone", "category", "retrieved",
     "baseline", "baseline_protocol", "metric", "family", "verdict", "flavour", "distance",
     "preprocess", "note", "path", "stage", "reason", "id", "split", "model_id", "what", "detail",
     "mend"}
)  # fmt: skip


@dataclass(frozen=True)
class Value:
    """A metric of a method: mean and sd over the seeds, interval over the queries."""

    mean: float
    std: float
    low: float
    high: float
    best: bool


@dataclass(frozen=True)
class MethodRow:
    """A row of the metrics table; `series` is its colour number, 0 for the subject."""

    name: str
    protocol: str
    supervision: str
    seeds: int
    photos_seen: float
    series: int
    values: dict[str, Value]


@dataclass(frozen=True)
class Panel:
    """A chart of one metric, with an axis from `low` to `high`."""

    metric: str
    low: float
    high: float

    def place(self, value: float) -> float:
        """Position on the axis, percent."""
        return round(100.0 * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True)
class CategoryBar:
    """First tier of a category's queries, for the subject and for the reference."""

    category: str
    n_queries: int
    n_models: int
    subject: float
    reference: float


@dataclass(frozen=True)
class Confusion:
    """Shares of the first ten places; `shares` has the shape (rows, columns).

    `hidden` counts the categories that are left out: those with the fewest mistakes.
    """

    rows: list[str]
    columns: list[str]
    shares: list[list[float]]
    pairs: list[tuple[str, str, float]]
    hidden: int


@dataclass(frozen=True)
class Difference:
    """A paired difference between the subject and a baseline.

    Attributes
    ----------
    low, high, over
        The wider of its intervals, and over what that is: ``photos`` or ``categories``.
    verdict
        About the subject: better, worse or level.
    """

    difference: float
    low: float
    high: float
    over: str
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """The subject against a baseline, under one protocol."""

    protocol: str
    baseline: str
    baseline_protocol: str
    differences: dict[str, Difference]


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; empty text stays text (a category may be called NA), empty numbers are NaN."""
    frame = pd.read_csv(intact(path), dtype=str, keep_default_na=False)
    for name in frame.columns.difference(list(TEXT_COLUMNS)):
        frame[name] = pd.to_numeric(frame[name].replace("", None))
    return frame


def metric_names(metrics: pd.DataFrame) -> list[str]:
    """List the metrics to print; instance-level sets also have recalls such as ``R@5``."""
    return [
        name for name in (*METRICS, *RECALLS) if name in metrics and metrics[name].notna().any()
    ]


def methods(metrics: pd.DataFrame, subject: str) -> list[MethodRow]:
    """Lay out the metrics table by protocol, and mark the best values of each protocol."""
    names = list(dict.fromkeys(metrics["method"]))
    series = {name: i for i, name in enumerate(sorted(names, key=lambda name: name != subject))}
    found: list[MethodRow] = []
    for protocol in by_protocol(metrics["protocol"]):
        group = metrics[metrics["protocol"] == protocol]
        best = {name: _best(group[name], name) for name in metric_names(metrics)}
        found += [_method(row, best, series) for row in group.to_dict("records")]
    return found


def by_protocol(protocols: Iterable[str]) -> list[str]:
    """Sort the protocols that occur, the known ones first."""
    return sorted(
        set(protocols), key=lambda p: (PROTOCOLS.index(p) if p in PROTOCOLS else len(PROTOCOLS), p)
    )


def forest(rows: Sequence[MethodRow], ceilings: Mapping[str, float]) -> list[Panel]:
    """Return axes that hold every mean, interval and ceiling, with ends at multiples of 0.05."""
    return [_panel(name, rows, ceilings) for name in FOREST if name in rows[0].values]


def pr_curves(frame: pd.DataFrame, protocol: str) -> dict[str, Line]:
    """Return recall and precision of each method under a protocol, thinned for a chart."""
    group = frame[frame["protocol"] == protocol]
    return {str(name): _thin(curve) for name, curve in group.groupby("method", sort=False)}


def category_bars(
    frame: pd.DataFrame, subject: tuple[str, str], reference: tuple[str, str]
) -> list[CategoryBar]:
    """List the first tier of each category, best first.

    Parameters
    ----------
    frame
        `metrics_per_category.csv`.
    subject, reference
        Method and protocol of the two bars.
    """
    ours, theirs = (_of(frame, *key).set_index("category") for key in (subject, reference))
    joined = ours.join(theirs["FT"].rename("reference"))
    order = joined.sort_values("FT", ascending=False, kind="stable")
    return [
        CategoryBar(str(name), int(r["n_queries"]), int(r["n_models"]), r["FT"], r["reference"])
        for name, r in order.iterrows()
    ]


def confusion_table(frame: pd.DataFrame, method: str, protocol: str) -> Confusion:
    """Lay out the confusion matrix, and the most common mistakes."""
    own = _of(frame, method, protocol)
    wrong = own[own["category"] != own["retrieved"]]
    mistakes = wrong.groupby("category")["share"].sum()
    names = sorted(set(own["category"]))
    rows = sorted(sorted(names, key=lambda name: -mistakes.get(name, 0.0))[:MAX_CONFUSED])
    hidden = len(names) - len(rows)
    columns = rows if hidden else sorted({*rows, *own["retrieved"]}, key=lambda n: (n == "", n))
    table = own.pivot(index="category", columns="retrieved", values="share")
    order = wrong.sort_values(["share", "category", "retrieved"], ascending=[False, True, True])
    return Confusion(
        rows=rows,
        columns=[name or UNLABELLED for name in columns],
        shares=table.reindex(index=rows, columns=columns).fillna(0.0).to_numpy().tolist(),
        pairs=[
            (row["category"], row["retrieved"] or UNLABELLED, row["share"])
            for row in order.head(MAX_PAIRS).to_dict("records")
        ],
        hidden=hidden,
    )


def comparisons(frame: pd.DataFrame) -> list[Comparison]:
    """List the paired differences between the subject and each baseline."""
    keys = ["protocol", "baseline", "baseline_protocol"]
    return [
        Comparison(str(p), str(b), str(bp), dict(_differences(rows)))
        for (p, b, bp), rows in frame.groupby(keys, sort=False)
    ]


def reference_of(metrics: pd.DataFrame, subject: str) -> tuple[str, str]:
    """Choose the method beside the subject: max-pool, the paper's descriptor without a graph.

    Without max-pool it is the first other method, or else the first row.
    """
    keys = list(metrics[["method", "protocol"]].itertuples(index=False, name=None))
    others = [key for key in keys if key[0] != subject]
    return next((k for k in others if k[0] == "max-pool"), (others or keys)[0])


def histories(paths: Sequence[Path]) -> dict[str, list[Line]]:
    """Read epochs and values of every logged quantity, one line per seed, without constant ones.

    Of a history with several networks, it takes the one trained on all photos.
    """
    frames = [_whole(pd.read_csv(intact(path))) for path in paths]
    names = [name for name in (frames[0].columns if frames else []) if name != "epoch"]
    found = {name: [_line(frame, name) for frame in frames if name in frame] for name in names}
    return {
        name: lines for name, lines in found.items()
        if any(len(y) > 1 and np.ptp(y) > 0 for _, y in lines)
    }  # fmt: skip


def _panel(name: str, rows: Sequence[MethodRow], ceilings: Mapping[str, float]) -> Panel:
    values = [row.values[name] for row in rows]
    ends = [end for v in values for end in (v.mean, v.low, v.high)]
    ends.append(ceilings.get(name, np.nan))
    low, high = np.floor(np.nanmin(ends) * 20) / 20, np.ceil(np.nanmax(ends) * 20) / 20
    return Panel(name, float(low), float(max(high, low + 0.05)))


def _of(frame: pd.DataFrame, method: str, protocol: str) -> pd.DataFrame:
    return frame[(frame["method"] == method) & (frame["protocol"] == protocol)]


def _best(values: pd.Series[float], name: str) -> float:
    return float(values.min() if name in LOWER_IS_BETTER else values.max())


def _method(
    row: Mapping[Hashable, Any], best: Mapping[str, float], series: Mapping[str, int]
) -> MethodRow:
    return MethodRow(
        name=row["method"],
        protocol=row["protocol"],
        supervision=row["supervision"],
        seeds=int(row["n_seeds"]),
        photos_seen=float(row["photos_seen"]),
        series=series[row["method"]],
        values={name: _value(row, name, best[name]) for name in best},
    )


def _value(row: Mapping[Hashable, Any], name: str, best: float) -> Value:
    mean, std, low, high = (
        float(row.get(f"{name}{end}", np.nan)) for end in ("", "_std", "_lo", "_hi")
    )
    return Value(mean, std, low, high, best=mean == best)


def _thin(curve: pd.DataFrame) -> Line:
    places = np.geomspace(1, len(curve), CURVE_POINTS) - 1
    kept = curve.iloc[np.unique(np.round(places).astype(int))]
    return kept["recall"].to_numpy(), kept["precision"].to_numpy()


def _differences(rows: pd.DataFrame) -> Iterator[tuple[str, Difference]]:
    for row in rows.to_dict("records"):
        ends = {
            "photos": (row["lo"], row["hi"]),
            "categories": (row["lo_categories"], row["hi_categories"]),
        }
        wide = ends["categories"][1] - ends["categories"][0] > row["hi"] - row["lo"]
        over = "categories" if wide else "photos"
        yield row["metric"], Difference(row["difference"], *ends[over], over, row["verdict"])


def _whole(history: pd.DataFrame) -> pd.DataFrame:
    if "part" not in history:
        return history
    return history[history["part"] == WHOLE].drop(columns="part")


def _line(frame: pd.DataFrame, name: str) -> Line:
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
    epoch = frame["epoch"] if "epoch" in frame else pd.Series(range(1, len(frame) + 1))
    known = np.isfinite(values)
    return epoch.to_numpy(dtype=np.float64)[known], values[known]
