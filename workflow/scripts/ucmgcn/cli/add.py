"""The command `add`: make a mesh searchable without a run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ucmgcn.cli.options import dataset_option, results_option
from ucmgcn.core.errors import ItemError
from ucmgcn.search.library import Library


@click.command()
@click.argument("meshes", nargs=-1, required=True, type=click.Path(path_type=Path))
@dataset_option
@results_option
@click.option("--category", metavar="NAME", help="Category of the meshes; none if not given.")
def add(meshes: Sequence[Path], dataset: str, results: Path, category: str | None) -> None:
    """Add meshes to the library, searchable at once.

    Each mesh is rendered, described and attached to the trained graph, without retraining. It is
    also copied to the data set's folder of meshes, with the files that it refers to, and so the
    next run of snakemake makes it a full member. A mesh that is in the library already is left as
    it is. One that cannot be used is named on standard error, the others are added, and the exit
    code is 2.

    \b
    Examples:
      ucmgcn add stool.obj --dataset furniture --category stool
      ucmgcn add new/*.glb --dataset furniture --results /data/results
    """  # noqa: D301
    # What it warns of is an error here, and printed as such.
    logging.getLogger("ucmgcn.render.renderer").setLevel(logging.ERROR)
    library = Library.open(dataset, results)
    unusable = 0
    for mesh in meshes:
        try:
            library = library.current()
            click.echo(library.add(mesh, category))
        except ItemError as error:
            click.echo(f"ucmgcn: {mesh}: {error}", err=True)
            unusable += 1
    sys.exit(2 if unusable else 0)
