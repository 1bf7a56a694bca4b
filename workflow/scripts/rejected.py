"""Adapter: list what every stage left out."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.jobs import begin_job
from ucmgcn.rejected import gather_rejected

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
gather_rejected(
    Path(snakemake.input.manifest),
    [Path(path) for path in snakemake.input.views],
    [Path(path) for path in snakemake.input.images],
    Path(snakemake.output.table),
    [Path(path) for path in snakemake.input.points],
)
