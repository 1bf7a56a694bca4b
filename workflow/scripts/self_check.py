"""Adapter: list what each mesh declares, what was drawn of it, and what looks wrong."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets.self_check import gather_models
from ucmgcn.pipeline.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
gather_models([Path(path) for path in snakemake.input.views], Path(snakemake.output.table))
