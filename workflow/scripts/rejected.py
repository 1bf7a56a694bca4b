"""Adapter: list what every stage left out."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.logs import configure_logging
from ucmgcn.rejected import gather_rejected

if TYPE_CHECKING:
    from snakemake.script import snakemake

configure_logging(snakemake.log[0])
gather_rejected(
    Path(snakemake.input.manifest),
    [Path(path) for path in snakemake.input.views],
    [Path(path) for path in snakemake.input.images],
    Path(snakemake.output.table),
    [Path(path) for path in snakemake.input.points],
)
