"""The command `add`: make meshes searchable without a run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ucmgcn.cli.one_line import complain
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

    Each mesh is rendered, described and attached to the graph; nothing is trained again. The
    mesh and the files that it refers to are copied to the data set's folder of meshes, so the next
    run of snakemake takes it in. A mesh that is in the library already is left as it is. If a mesh
    cannot be used, standard error names it, the others are added, and the exit status is 2.

    \b
    Examples:
      ucmgcn add stool.obj --dataset furniture --category stool
      ucmgcn add new/*.glb --dataset furniture --results /data/results
    """  # noqa: D301
    # Rendering warns of a mesh that it rejects; here that is an error, and printed below.
    logging.getLogger("ucmgcn.render").setLevel(logging.ERROR)
    library = Library.open(results / dataset)
    unusable = 0
    for mesh in meshes:
        try:
            library = library.current()
            click.echo(library.add(mesh, category))
        except ItemError as error:
            complain(f"{mesh}: {error}")
            unusable += 1
    sys.exit(2 if unusable else 0)
