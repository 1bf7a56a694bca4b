"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT_METHOD = "If not given: ucm-gcn, or propagation in a library without photos."

dataset_option = click.option(
    "--dataset", required=True, metavar="NAME", help="Data set of a finished run."
)
results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default="results",
    show_default=True,
    help="Folder with the results of the run.",
)
