"""Adapter: list the models and the photos."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets.dataset import write_dataset
from ucmgcn.datasets.source import read_source
from ucmgcn.pipeline.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
write_dataset(read_source(snakemake.params.source), Path(snakemake.output.models).parent)
