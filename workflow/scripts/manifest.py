"""Adapter: list the models and the photos."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.logs import configure_logging
from ucmgcn.manifest import write_manifest

if TYPE_CHECKING:
    from snakemake.script import snakemake

configure_logging(snakemake.log[0])
write_manifest(
    Path(snakemake.params.models),
    Path(snakemake.params.images),
    Path(snakemake.output.models).parent,
)
