"""The command `table`: a metrics table for people."""

from __future__ import annotations

from pathlib import Path

import click

from ucmgcn.tables import format_metrics


@click.command()
@click.argument("metrics", type=click.Path(dir_okay=False, path_type=Path))
def table(metrics: Path) -> None:
    """Print a metrics table for people.

    \b
    Example:
      ucmgcn table results/demo/tables/metrics.csv
    """  # noqa: D301
    click.echo(format_metrics(metrics))
