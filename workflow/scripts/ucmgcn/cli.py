"""The command `ucmgcn`: what is done with a data set outside the pipeline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ucmgcn import __version__
from ucmgcn.errors import UserError
from ucmgcn.evaluate_cli import evaluate
from ucmgcn.tables import format_metrics


class _Group(click.Group):
    """A group whose commands end with one line and exit code 2 on a user's mistake."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"ucmgcn: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="ucmgcn")
def main() -> None:
    """Find the 3D model that a photo shows."""


@main.command()
@click.argument("metrics", type=click.Path(dir_okay=False, path_type=Path))
def table(metrics: Path) -> None:
    r"""Print a metrics table for people.

    \b
    Example:
      ucmgcn table results/demo/tables/metrics.csv
    """
    click.echo(format_metrics(metrics))


main.add_command(evaluate)
