"""Write docs/ablation.md and its plots from the cached trainings of ablation.py.

python benchmarks/ablation_report.py --dataset psb --second demo
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import click
import numpy as np
import pandas as pd
from jinja2 import StrictUndefined, Template
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
NOTHING = 0.005
KEY = ["dataset", "row"]


def read(cache: Path) -> pd.DataFrame:
    """Read all cached trainings: a line a training, metric columns as part/protocol/metric."""
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
    """Means and standard deviations over seeds of one set's rows, in the order of the table."""
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
    """Three decimals without the leading zero."""
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def signed(value: float) -> str:
    """Three decimals with a sign, without the leading zero."""
    return f"{value:+.3f}".replace("0.", ".", 1)


def chance(p_value: float) -> str:
    """Write a p value, with no more digits than it is good for."""
    return "p < .001" if p_value < 0.001 else f"p = {p_value:.2g}".replace("0.", ".", 1)


def cell(row: pd.Series, part: str, protocol: str, name: str) -> str:
    """A mean, with its standard deviation where there are several seeds."""
    key = f"{part}/{protocol}/{name}"
    spread = row.get(f"{key}±")
    return number(row[key]) + (f" ± {number(spread)}" if pd.notna(spread) else "")


def main_table(table: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of the table of all rows, group by group."""
    yield (
        "| change | seeds | trans. NN | trans. FT | trans. mAP | ind. NN | ind. FT | ind. mAP "
        "| FT, learned half | FT, propagation |"
    )
    yield "|---|---|" + "---|" * 8
    for group in GROUPS:
        for name, row in table[table["group"] == group].iterrows():
            cells = [cell(row, "joined", p, metric) for p in PROTOCOLS for metric in SHOWN]
            cells.append(number(row["learned/transductive/FT"]))
            control = row["propagation/transductive/FT"]
            cells.append(number(control) if pd.notna(control) else "")
            yield f"| {name} | {int(row['seeds'])} | {' | '.join(cells)} |"


def verdicts(table: pd.DataFrame) -> Iterator[str]:
    """Say in words what helps, what costs, and what makes no difference."""
    base = table.loc["default"]
    label_free = table[(table["group"] != "labels") & (table.index != "default")]
    deltas = {
        protocol: label_free[f"joined/{protocol}/FT"] - base[f"joined/{protocol}/FT"]
        for protocol in PROTOCOLS
    }
    least, most = np.minimum(*deltas.values()), np.maximum(*deltas.values())
    for title, chosen in (
        ("Costs more than .005 FT under both protocols, so the default earns it", most < -NOTHING),
        ("Is better than the default by more than .005 FT under both", least > NOTHING),
        (
            "Makes no difference (at most .005 FT under either protocol)",
            (least >= -NOTHING) & (most <= NOTHING),
        ),
    ):
        names = [f"{name} ({_deltas(deltas, name)})" for name in label_free.index[chosen]]
        yield f"- **{title}:** {', '.join(names) or 'none'}."
    rest = (most >= -NOTHING) & (least <= NOTHING) & ((least < -NOTHING) | (most > NOTHING))
    names = [f"{name} ({_deltas(deltas, name)})" for name in label_free.index[rest]]
    yield f"- **Undecided between the protocols:** {', '.join(names) or 'none'}."


def _deltas(deltas: dict[str, pd.Series], name: str) -> str:
    return ", ".join(signed(deltas[p][name]) for p in PROTOCOLS)


def criteria_table(tables: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Rank correlation over the label-free rows of each criterion with FT."""
    yield "| criterion | " + " | ".join(f"{n}: rho with FT, p" for n in tables) + " | meaning |"
    yield "|---|" + "---|" * (len(tables) + 1)
    for name, meaning in MEANING.items():
        cells = []
        for table in tables.values():
            free = table[(table["group"] != "labels") & table[name].notna()]
            found = spearmanr(free[name], free["joined/transductive/FT"])
            cells.append(f"{found.statistic:+.2f}, {found.pvalue:.2g} ({len(free)} rows)")
        yield f"| {name} | {' | '.join(cells)} | {meaning} |"


def carry_over(runs: pd.DataFrame, whole: str) -> Iterator[str]:
    """Yield FT of the rows that were run on parts of the set or on another, transductive."""
    means = runs.groupby(KEY)[["joined/transductive/FT", "propagation/transductive/FT"]].mean()
    sets = [name for name in runs["dataset"].unique() if name != whole]
    sets = [name for name in sets if (name, "default") in means.index]
    if not sets:
        yield "not run"
        return
    yield "| row | " + " | ".join(sets) + " |"
    yield "|---|" + "---|" * len(sets)
    shown = {"propagation (control)": ("default", "propagation")}
    common = set.intersection(*[set(means.loc[name].index) for name in sets])
    shown |= {row.name: (row.name, "joined") for row in ROWS if row.name in common}
    for label, (row, part) in shown.items():
        cells = [number(means.loc[(name, row), f"{part}/transductive/FT"]) for name in sets]
        yield f"| {label} | {' | '.join(cells)} |"


def targets(folders: Sequence[Path]) -> Iterator[str]:
    """Yield metrics and paired tests of finished runs of the pipeline."""
    for folder in folders:
        metrics = pd.read_csv(folder / "metrics.csv")
        yield f"\n`{metrics['dataset'][0]}`, {metrics['n_queries'][0]} queries:\n"
        yield "| method | labels | protocol | seeds | NN | FT | ST | F | DCG | ANMRR | mAP |"
        yield "|---|" * 1 + "---|" * 10
        for _, row in metrics.sort_values(["protocol", "FT"], kind="stable").iterrows():
            cells = " | ".join(_with_spread(row, m) for m in METRICS)
            head = f"{row['method']} | {row['supervision']} | {row['protocol']} | {row['n_seeds']}"
            yield f"| {head} | {cells} |"
        yield "\nPaired over the queries, Holm-adjusted within a metric and protocol:\n"
        yield "| protocol | against | NN | FT | mAP |"
        yield "|---|---|---|---|---|"
        tests = pd.read_csv(folder / "significance.csv").set_index("metric")
        for (protocol, baseline), part in tests.groupby(["protocol", "baseline"], sort=False):
            cells = [
                f"{signed(part.loc[m, 'difference'])}, {chance(part.loc[m, 'p_holm'])}"
                for m in SHOWN
            ]
            yield f"| {protocol} | {baseline} | {' | '.join(cells)} |"


METRICS = ("NN", "FT", "ST", "F", "DCG", "ANMRR", "mAP")


def _with_spread(row: pd.Series, metric: str) -> str:
    spread = row[f"{metric}_std"]
    return number(row[metric]) + (f" ± {number(spread)}" if row["n_seeds"] > 1 else "")


@click.command(help=__doc__)
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
@click.option("--dataset", default="psb", show_default=True)
@click.option("--second", default="demo", show_default=True)
@click.option("--tables", multiple=True, type=click.Path(path_type=Path), help="Runs to show.")
@click.option("--out", type=click.Path(path_type=Path), default=DOCS, show_default=True)
def main(cache: Path, dataset: str, second: str, tables: tuple[Path, ...], out: Path) -> None:
    """Write the document."""
    runs = read(cache)
    found = {
        name: summary(runs, name) for name in (dataset, second) if name in set(runs["dataset"])
    }
    plot_changes(found[dataset], out / "ablation-changes.svg")
    plot_curves(found[dataset], out / "ablation-curves.svg")
    sections = {
        "dataset": [dataset],
        "second_set": [second],
        "main": main_table(found[dataset]),
        "verdicts": verdicts(found[dataset]),
        "second": main_table(found[second]) if second in found else ["not run"],
        "second_verdicts": verdicts(found[second]) if second in found else ["not run"],
        "carry_over": carry_over(runs, dataset),
        "criteria": criteria_table(found),
        "targets": targets(tables) if tables else ["not run"],
    }
    text = Path(__file__).with_name("ablation.md").read_text(encoding="utf-8")
    template = Template(text, undefined=StrictUndefined, keep_trailing_newline=True)
    filled = template.render({name: "\n".join(lines) for name, lines in sections.items()})
    (out / "ablation.md").write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    main()
