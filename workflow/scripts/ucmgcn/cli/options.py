"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ucmgcn.core.errors import UserError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")  # as of the setting `dataset`
DEFAULT_METHOD = "If not given: ucm-gcn, or propagation in a library without photos."


def _check_name(_ctx: click.Context, _option: click.Parameter, name: str) -> str:
    """Check that a name is that of a folder in the results, and no way out of them."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"--dataset {name!r} is no name of a data set; it is the name of a folder in results"
        )
    return name


dataset_option = click.option(
    "--dataset",
    required=True,
    metavar="NAME",
    callback=_check_name,
    help="Data set of a finished run.",
)
results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default="results",
    show_default=True,
    help="Folder with the results of the run.",
)
