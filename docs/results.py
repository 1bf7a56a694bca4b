"""Fill the results of README.md and the docs from the tables below docs/results.

python docs/results.py

A result stands between two marks, the first of which says what it is and of which table:

    <!-- result: data SET -->
    what a run's numbers are taken over: queries, gallery, seeds, labels, encoder
    <!-- /result -->

    <!-- result: metrics SET [only=METHOD,METHOD] [of=PROTOCOL,PROTOCOL] [METRIC ...] -->
    methods and their metrics, the first of which orders the rows
    <!-- /result -->

    <!-- result: gains SET METHOD [METRIC ...] -->
    paired differences of a method to each baseline
    <!-- /result -->

    <!-- result: gain SET METHOD BASELINE METRIC [METRIC ...] -->
    the same to one baseline, in words
    <!-- /result -->

    <!-- result: strongest SET METHOD [METRIC] -->
    what a method has on its strongest baseline, in words, under each protocol
    <!-- /result -->

    <!-- result: rows FILE -->
    a table as it is
    <!-- /result -->

    <!-- result: verdicts FILE -->
    what the rows of an ablation change, in words
    <!-- /result -->
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

DOCS = Path(__file__).parent
RESULTS = DOCS / "results"
PAGES = (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md")))
BLOCK = re.compile(r"(<!-- result: (.*?) -->\n).*?(<!-- /result -->)", re.DOTALL)
SHOWN = ("NN", "FT", "ST", "F", "DCG", "ANMRR", "mAP")
TESTED = ("NN", "FT", "mAP")
SUBJECT = "ucm-gcn"
CHOICES = {"only=": "method", "of=": "protocol"}
NOTHING = 0.005  # about twice the sd over seeds


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


def lines_of(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("| --- ", "|---")


def read(name: str) -> pd.DataFrame:
    """Read a table below docs/results; empty text stays text."""
    return pd.read_csv(RESULTS / f"{name}.csv", keep_default_na=False, na_values=[""])


def data(name: str) -> str:
    """Say what the numbers of a run are taken over."""
    frame = read(f"{name}/metrics")
    run = frame[frame["method"] == SUBJECT].iloc[0]
    labels = "no labels" if run["supervision"] == "none" else "labels of half of the photos"
    return (
        f"{run['n_queries']:,} queries, gallery of {run['n_models']:,} models, "
        f"{run['n_seeds']} seeds, {labels}, `{run['backbone']}`; "
        f"tables: [metrics](results/{name}/metrics.csv), "
        f"[paired tests](results/{name}/significance.csv).\n"
    )


def metrics(name: str, *words: str) -> str:
    """Lay out a run's metrics: means, with the sd over seeds, and a recall's interval."""
    shown, frame = [word for word in words if "=" not in word], read(f"{name}/metrics")
    for start, column in CHOICES.items():
        for word in words:
            if word.startswith(start):
                frame = frame[frame[column].isin(word.removeprefix(start).split(","))]
    names = shown or SHOWN
    order = "FT" if "FT" in names and not shown else names[0]
    seen = ["photos_seen"] if "photos_seen" in frame and not shown else []
    rows = [
        [row["method"], row["protocol"], *(f"{row[n]:,.0f}" for n in seen)]
        + [cell(row, metric) for metric in names]
        for _, row in frame.sort_values(["protocol", order], kind="stable").iterrows()
    ]
    return lines_of(["method", "protocol", *("photos seen" for _ in seen), *names], rows)


def cell(row: pd.Series, metric: str) -> str:
    """Write a mean, with the sd over seeds where there are several, and a recall's interval."""
    text = number(row[metric])
    if row["n_seeds"] > 1 and "@" not in metric:
        text += f" ± {number(row[f'{metric}_std'])}"
    if "@" in metric:
        text += f" ({number(row[f'{metric}_lo'])} to {number(row[f'{metric}_hi'])})"
    return text


def gains(name: str, method: str, *shown: str) -> str:
    """Lay out the differences of a method to each baseline, under both protocols."""
    names = shown or TESTED
    rows = []
    frame = read(f"{name}/significance")
    frame = frame[frame["method"] == method].set_index("metric")
    for (protocol, baseline), part in frame.groupby(["protocol", "baseline"], sort=False):
        cells = [
            f"{signed(part.loc[m, 'difference'])}, {chance(part.loc[m, 'p_holm'])}" for m in names
        ]
        rows.append([protocol, baseline, *cells])
    return lines_of(["protocol", "against", *names], rows)


def gain(name: str, method: str, baseline: str, *names: str) -> str:
    """Say the differences of a method to one baseline in a sentence for each protocol."""
    frame = read(f"{name}/significance")
    chosen = frame[(frame["method"] == method) & (frame["baseline"] == baseline)]
    sentences = []
    for protocol, part in chosen.groupby("protocol", sort=False):
        rows = part.set_index("metric")
        said = [
            f"{m} {signed(rows.loc[m, 'difference'])} ({rows.loc[m, 'verdict']}, "
            f"{chance(rows.loc[m, 'p_holm'])})"
            for m in names
        ]
        sentences.append(f"- {protocol}, against `{baseline}`: {', '.join(said)}\n")
    return "".join(sentences)


def strongest(name: str, method: str, metric: str = "FT") -> str:
    """Say under each protocol what a method has on its strongest baseline, which it names."""
    frame = read(f"{name}/significance")
    frame = frame[(frame["method"] == method) & (frame["metric"] == metric)]
    sentences = []
    for protocol, part in frame.groupby("protocol", sort=False):
        row = part[part["strongest"] == 1].iloc[0]
        over, low, high = wider(row)
        verdict = "level with" if row["verdict"] == "level" else f"{row['verdict']} than"
        own = "" if row["baseline_protocol"] == protocol else f" ({row['baseline_protocol']})"
        sentences.append(
            f"- {protocol}: {metric} {number(row['method_mean'])}, {verdict} the strongest of "
            f"{len(part)} baselines, `{row['baseline']}`{own}: {signed(row['difference'])}, 95 % "
            f"interval {signed(low)} to {signed(high)} over {over}, {chance(row['p_holm'])}\n"
        )
    return "".join(sentences)


def wider(row: pd.Series) -> tuple[str, float, float]:
    """Return the wider interval of a difference, and over what it is."""
    photos, categories = (row["lo"], row["hi"]), (row["lo_categories"], row["hi_categories"])
    if categories[1] - categories[0] > photos[1] - photos[0]:
        return "categories", *categories
    return "photos", *photos


def rows(name: str) -> str:
    """Lay out a table as it is; a column named NAME sd is the spread of NAME."""
    frame = pd.read_csv(RESULTS / f"{name}.csv", dtype=str, keep_default_na=False)
    names = [n for n in frame if not n.endswith(" sd")]

    def text(row: pd.Series, name: str) -> str:
        spread = row.get(f"{name} sd", "")
        return f"{row[name]} ± {spread}" if spread else row[name]

    return lines_of(names, [[text(row, name) for name in names] for _, row in frame.iterrows()])


def verdicts(name: str) -> str:
    """Say in words what each row of an ablation changes against the first, by FT."""
    frame = read(name).set_index("change")
    frame = frame[~frame.index.str.contains("supervision")]
    deltas = frame[["trans. FT", "ind. FT"]] - frame.loc["default", ["trans. FT", "ind. FT"]]
    deltas = deltas.drop(index="default").astype(float).round(4)
    least, most = deltas.min(axis=1), deltas.max(axis=1)
    groups = {
        "Costs more than .005 FT under both protocols, so the default earns it": most < -NOTHING,
        "Is better than the default by more than .005 FT under both": least > NOTHING,
        "Makes no difference (at most .005 FT under either protocol)": (least >= -NOTHING)
        & (most <= NOTHING),
    }
    groups["Undecided between the protocols"] = ~pd.concat(groups.values(), axis=1).any(axis=1)
    return "".join(f"- **{title}:** {_named(deltas[rows])}.\n" for title, rows in groups.items())


def _named(deltas: pd.DataFrame) -> str:
    named = [f"{name} ({', '.join(map(signed, row))})" for name, row in deltas.iterrows()]
    return ", ".join(named) or "none"


KINDS: dict[str, Callable[..., str]] = {
    "data": data,
    "metrics": metrics,
    "gains": gains,
    "gain": gain,
    "strongest": strongest,
    "rows": rows,
    "verdicts": verdicts,
}


def filled(text: str) -> str:
    """Fill all results of a page."""

    def fill(match: re.Match[str]) -> str:
        kind, *arguments = match[2].split()
        return f"{match[1]}{KINDS[kind](*arguments)}{match[3]}"

    return BLOCK.sub(fill, text)


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page, and what it should say."""
    for path in PAGES:
        yield path, filled(path.read_text(encoding="utf-8"))


def main() -> None:
    """Write the pages."""
    for path, text in pages():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
