"""The plots of docs/ablation.md."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE = {"svg.hashsalt": "ucmgcn", "svg.fonttype": "none", "font.size": 9}
COLOURS = {"transductive": "#1f6fb4", "inductive": "#d2691e"}
# Title of each curve, with the pattern of its rows' names and the number of the default.
CURVES = {
    "views per model": (r"^(\d+) views? a model$", 12),
    "k of photo-photo, model-model": (r"^`graph\.k: (\d+)`$", 15),
    "k of photo-view": (r"^`graph\.view_k: (\d+)`$", 5),
    "graph convolutions": (r"^`train\.layers: (\d+)`$", 2),
    "rounds": (r"^`propagation\.rounds: (\d+)`$", 1),
    "epochs": (r"^`train\.epochs: (\d+)`$", 20),
}


def plot_changes(table: pd.DataFrame, out: Path) -> None:
    """Draw the change of FT by each label-free row, sorted, with the sd over seeds."""
    rows = table[(table["group"] != "labels") & (table.index != "default")]
    with rc_context(STYLE):
        figure = Figure(figsize=(8, 0.19 * len(rows) + 1), layout="constrained")
        axes = figure.subplots()
        rows = rows.sort_values("joined/transductive/FT")
        for protocol, shift in (("transductive", 0.2), ("inductive", -0.2)):
            key = f"joined/{protocol}/FT"
            change = rows[key] - table.loc["default", key]
            axes.barh(
                [i + shift for i in range(len(rows))], change, 0.38,
                xerr=rows[f"{key}±"].fillna(0), color=COLOURS[protocol], label=protocol,
                error_kw={"elinewidth": 0.7},
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [name.replace("`", "") for name in rows.index])
        axes.set(xlabel="change of FT against the default", ylim=(-0.8, len(rows) - 0.2))
        axes.axvline(0, color="#808080", linewidth=0.8)
        axes.grid(axis="x", alpha=0.3)
        axes.legend(loc="upper left")
        _save(figure, out)


def plot_curves(table: pd.DataFrame, out: Path) -> None:
    """Draw FT over each number that was varied."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 5), layout="constrained")
        panels = list(figure.subplots(2, 3, sharey=True).flat)
        varied = {title: curve for title, curve in CURVES.items() if _varied(table, curve[0])}
        for axes, (title, (pattern, default)) in zip(panels, varied.items(), strict=False):
            _curve(axes, table, pattern, default)
            axes.set_title(title, fontsize=9)
            axes.grid(alpha=0.3)
        for axes in panels[len(varied) :]:
            axes.set_axis_off()
        figure.axes[0].legend()
        for axes in (figure.axes[0], figure.axes[3]):
            axes.set_ylabel("FT")
        _save(figure, out)


def _varied(table: pd.DataFrame, pattern: str) -> dict[int, str]:
    """Find the rows that match a pattern, by the number in their name."""
    return {int(m[1]): name for name in table.index if (m := re.match(pattern, name))}


def _curve(axes: Axes, table: pd.DataFrame, pattern: str, default: int) -> None:
    found = _varied(table, pattern)
    found = dict(sorted((found | {default: "default"}).items()))
    rows = table.loc[list(found.values())]
    for protocol, colour in COLOURS.items():
        key = f"joined/{protocol}/FT"
        axes.errorbar(
            list(found), rows[key], rows[f"{key}±"].fillna(0), color=colour, marker="o",
            markersize=3, linewidth=1.2, label=protocol,
        )  # fmt: skip
    axes.plot(
        list(found), rows["propagation/transductive/FT"], "--", color="#808080", linewidth=1,
        label="propagation, transductive",
    )  # fmt: skip
    axes.set_xticks(list(found))


def _save(figure: Figure, out: Path) -> None:
    figure.savefig(out, metadata={"Date": None})
