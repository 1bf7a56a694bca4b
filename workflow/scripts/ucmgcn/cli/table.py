"""The command `table`: metrics as text."""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from ucmgcn.core.errors import UserError
from ucmgcn.evaluate.metrics import METRICS, RECALLS
from ucmgcn.files.digest import intact


@click.command()
@click.argument("metrics", type=click.Path(dir_okay=False, path_type=Path))
def table(metrics: Path) -> None:
    """Print a table of metrics: their mean, and standard deviation over seeds.

    \b
    Example:
      ucmgcn table results/demo/tables/metrics.csv
    """  # noqa: D301
    click.echo(format_metrics(metrics))


def format_metrics(path: Path) -> str:
    """Format `metrics.csv` as text: a row for each method and protocol, mean ± sd over seeds.

    Raises
    ------
    UserError
        If there is no such file, or it is no metrics table.
    """
    if not path.exists():
        raise UserError(f"there is no table {path}; `snakemake --cores all` makes it")
    try:
        frame = pd.read_csv(
            intact(path), keep_default_na=False, na_values=dict.fromkeys((*METRICS, *RECALLS), "")
        )
    except (ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a metrics table: {reason}") from error
    missing = {"method", "protocol", *METRICS} - set(frame.columns)
    if missing:
        raise UserError(f"{path} is not a metrics table: it lacks {', '.join(sorted(missing))}")
    shown = frame[["method", "protocol"]].copy()
    for metric in (*METRICS, *(name for name in RECALLS if name in frame)):
        shown[metric] = [_cell(row, metric) for _, row in frame.iterrows()]
    head = frame.iloc[0]
    counts = f"{head.dataset}: {head.n_queries} photos against {head.n_models} models"
    measured = frame[[name for name in (*METRICS, *RECALLS) if name in frame]].notna()
    labels = "" if measured.any(axis=None) else "no labels, so no metrics\n"
    return f"{counts}\n{labels}{shown.to_string(index=False)}\n{_ceiling(frame)}{path}"


def _ceiling(frame: pd.DataFrame) -> str:
    """Give the F of a perfect ranking, which is far below 1 for large categories."""
    known = pd.to_numeric(frame.get("F_ceiling", pd.Series(dtype=float)), errors="coerce").dropna()
    return f"F of a perfect ranking: {known.iloc[0]:.3f}\n" if len(known) else ""


def _cell(row: pd.Series, metric: str) -> str:
    if pd.isna(row[metric]):
        return "-"
    known = int(row["n_seeds"]) > 1 and f"{metric}_std" in row
    spread = f" ± {float(row[f'{metric}_std']):.3f}" if known else ""
    return f"{row[metric]:.3f}{spread}"
