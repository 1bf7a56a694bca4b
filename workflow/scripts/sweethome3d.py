"""Adapter: unpack furniture libraries."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets.kinds.sweethome3d import unpack
from ucmgcn.pipeline.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
unpack(Path(snakemake.params.libraries), Path(snakemake.output[0]))
