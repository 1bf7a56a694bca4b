"""The command `export`: embeddings for other systems."""

from __future__ import annotations

from pathlib import Path

import click

from ucmgcn.cli.options import DEFAULT_METHOD, dataset_option, results_option
from ucmgcn.search.export import EXPORT_FORMATS
from ucmgcn.search.library import Library


@click.command()
@dataset_option
@click.option(
    "--format", "form", required=True, type=click.Choice(EXPORT_FORMATS), help="Files to write."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder to write to; RESULTS/NAME/export if not given.",
)
@results_option
@click.option(
    "--method",
    help=f"Whose embeddings: ucm-gcn, propagation, max-pool or mean-pool. {DEFAULT_METHOD}",
)
def export(dataset: str, form: str, out: Path | None, results: Path, method: str | None) -> None:
    """Export the models' embeddings, with their ids.

    Embeddings are L2-normalised: compare them by the inner product. faiss and npy come with
    models.csv, whose row i says which model vector i is of; parquet holds ids and vectors. Of
    max-pool and mean-pool, encoder.onnx comes too: what embeds a photo for them.

    \b
    Examples:
      ucmgcn export --dataset demo --format parquet
      ucmgcn export --dataset furniture --format faiss --out /data/furniture
    """  # noqa: D301
    library = Library.open(results / dataset, method)
    for path in library.export(form, out or results / dataset / "export"):
        click.echo(path)
