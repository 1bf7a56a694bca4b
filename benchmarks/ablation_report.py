"""Write the tables in docs/results/ablation, and their plots, from the results of ablation.py.

python benchmarks/ablation_report.py --dataset psb --second demo
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import click
import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from ablation import CACHE, PROTOCOLS, SHOWN
from ablation_plots import plot_changes, plot_curves
from ablation_rows import ROWS
from label_free import MEANING

DOCS = Path(__file__).parents[1] / "docs"
ORDER = {row.name: number for number, row in enumerate(ROWS)}
GROUPS = list(dict.fromkeys(row.group for row in ROWS))
KEY = ["dataset", "row"]


def read(cache: Path) -> pd.DataFrame:
    """Read all cached trainings: one row each, with metric columns part/protocol/metric."""
    lines = []
    for path in sorted(cache.glob("*/*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        line = {name: result[name] for name in ("dataset", "row", "group", "seed")}
        for part, protocols in result["metrics"].items():
            for protocol, values in protocols.items():
                line |= {f"{part}/{protocol}/{name}": value for name, value in values.items()}
        lines.append(line | result["criteria"])
    frame = pd.DataFrame(lines)
    return frame.sort_values(["dataset", "seed"], kind="stable").reset_index(drop=True)


def summary(runs: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Compute mean and sd over seeds of one set's rows, in the order of the table."""
    own = runs[runs["dataset"] == dataset]
    numbers = own.drop(columns=["dataset", "group", "clusters"]).groupby("row")
    mean, spread = numbers.mean(), numbers.std(ddof=1).add_suffix("±")
    count = numbers.size().rename("seeds")
    group = own.groupby("row")["group"].first()
    stability = own.groupby("row")["clusters"].apply(_stability).rename("cluster stability")
    table = pd.concat([mean, spread, count, group, stability], axis=1)
    return table.sort_index(key=lambda names: names.map(ORDER))


def _stability(labellings: Sequence[list[int]]) -> float:
    pairs = combinations(labellings, 2)
    found = [adjusted_rand_score(a, b) for a, b in pairs]
    return float(np.mean(found)) if found else float("nan")


def number(value: float) -> str:
    """Format with three decimals, without the leading zero."""
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def main_table(table: pd.DataFrame) -> pd.DataFrame:
    """Lay out all rows, group by group: means, and sd if there are several seeds."""
    lines = []
    for group in GROUPS:
        for name, row in table[table["group"] == group].iterrows():
            line = {"change": name, "seeds": int(row["seeds"])}
            for protocol, short in zip(PROTOCOLS, ("trans.", "ind."), strict=True):
                for metric in SHOWN:
                    key = f"joined/{protocol}/{metric}"
                    spread = row.get(f"{key}±")
                    line[f"{short} {metric}"] = number(row[key])
                    line[f"{short} {metric} sd"] = number(spread) if pd.notna(spread) else ""
            line["FT, learned half"] = number(row["learned/transductive/FT"])
            baseline = row["propagation/transductive/FT"]
            line["FT, propagation"] = number(baseline) if pd.notna(baseline) else ""
            lines.append(line)
    return pd.DataFrame(lines)


def criteria_table(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Compute each criterion's rank correlation with FT over the label-free rows."""
    lines = []
    for name, meaning in MEANING.items():
        line = {"criterion": name}
        for dataset, table in tables.items():
            free = table[(table["group"] != "labels") & table[name].notna()]
            found = spearmanr(free[name], free["joined/transductive/FT"])
            line[f"{dataset}: rho with FT, p"] = (
                f"{found.statistic:+.2f}, {found.pvalue:.2g} ({len(free)} rows)"
            )
        lines.append(line | {"meaning": meaning})
    return pd.DataFrame(lines)


def carry_over(runs: pd.DataFrame, whole: str) -> pd.DataFrame:
    """Lay out the transductive FT of the rows that ran on parts of the set or on other sets."""
    means = runs.groupby(KEY)[["joined/transductive/FT", "propagation/transductive/FT"]].mean()
    sets = [name for name in runs["dataset"].unique() if name != whole]
    sets = [name for name in sets if (name, "default") in means.index]
    shown = {"propagation (baseline)": ("default", "propagation")}
    common = set.intersection(*[set(means.loc[name].index) for name in sets]) if sets else set()
    shown |= {row.name: (row.name, "joined") for row in ROWS if row.name in common}
    return pd.DataFrame(
        {"row": label}
        | {name: number(means.loc[(name, row), f"{part}/transductive/FT"]) for name in sets}
        for label, (row, part) in shown.items()
    )


@click.command(help=__doc__)
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
@click.option("--dataset", default="psb", show_default=True)
@click.option("--second", default="demo", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=DOCS, show_default=True)
def main(cache: Path, dataset: str, second: str, out: Path) -> None:
    """Write tables and plots."""
    runs = read(cache)
    found = {
        name: summary(runs, name) for name in (dataset, second) if name in set(runs["dataset"])
    }
    plot_changes(found[dataset], out / "ablation-changes.svg")
    plot_curves(found[dataset], out / "ablation-curves.svg")
    tables = {"main": main_table(found[dataset]), "carry-over": carry_over(runs, dataset)}
    if second in found:
        tables["second"] = main_table(found[second])
    tables["criteria"] = criteria_table(found)
    for name, table in tables.items():
        table.to_csv(out / "results" / "ablation" / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
