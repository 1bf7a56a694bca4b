"""Adapter: list what every stage left out, and what it warns of."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets.rejected import gather_rejected
from ucmgcn.pipeline.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
kinds = {"views": "views", "image-features": "images", "points": "points"}
gather_rejected(
    Path(snakemake.input.manifest),
    {kind: [Path(path) for path in snakemake.input[name]] for kind, name in kinds.items()},
    Path(snakemake.output.table),
    Path(snakemake.output.warnings),
)
